import { betterAuth } from "better-auth";
import { admin } from "better-auth/plugins";
import Database from "better-sqlite3";

const database = new Database(`${process.env.PEOPLE_DATA}/people.db`, { timeout: 30_000 });
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");

export const options = {
  database,
  // Of a measurement, and of nothing else.
  secret: "c2VjcmV0IG9mIGEgbWVhc3VyZW1lbnQgb25seQ==",
  baseURL: "http://127.0.0.1",
  emailAndPassword: { enabled: true },
  // The data is kept between runs, and a session that is asked to renew itself would write.
  session: { expiresIn: 365 * 24 * 3600, disableSessionRefresh: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  plugins: [admin()],
};
export const auth = betterAuth(options);
export { database };
