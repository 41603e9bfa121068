// People, a JSON object a line, through the adapter in one transaction; and the administrator's session, as the headers
// that carry it.

import { readFileSync, writeFileSync } from "node:fs";

import { getMigrations } from "better-auth/db/migration";

import { auth, database, options } from "./auth.mjs";

await (await getMigrations(options)).runMigrations();
const { adapter, internalAdapter } = await auth.$context;

const credentials = { email: "admin@example.com", password: "a password of nobody" };
const { user } = await auth.api.signUpEmail({ body: { ...credentials, name: "Administrator" } });
await internalAdapter.updateUser(user.id, { role: "admin" });
const { headers } = await auth.api.signInEmail({ body: credentials, returnHeaders: true });
const cookies = headers.getSetCookie().map((cookie) => cookie.split(";")[0]);

const now = new Date();
database.exec("BEGIN");
for (const line of readFileSync(process.argv[2], "utf8").split("\n")) {
  if (line === "") continue;
  const { id, first_name, last_name, email } = JSON.parse(line);
  await adapter.create({
    model: "user",
    data: { id, name: `${first_name} ${last_name}`, email, emailVerified: true, role: "user", createdAt: now, updatedAt: now },
    forceAllowId: true,
  });
}
database.exec("COMMIT");
database.close();
writeFileSync(
  `${process.env.PEOPLE_DATA}/headers`,
  `Cookie: ${cookies.join("; ")}\nOrigin: ${options.baseURL}\n`,
);
