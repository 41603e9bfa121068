import cluster from "node:cluster";
import { createServer } from "node:http";
import { availableParallelism } from "node:os";

if (cluster.isPrimary) {
  const workers = Array.from({ length: availableParallelism() }, () => cluster.fork());
  process.on("SIGTERM", () => {
    for (const worker of workers) worker.process.kill("SIGTERM");
    process.exit(0);
  });
} else {
  const { toNodeHandler } = await import("better-auth/node");
  const { auth } = await import("./auth.mjs");
  createServer({ keepAliveTimeout: 75_000 }, toNodeHandler(auth)).listen(Number(process.argv[2]), "127.0.0.1");
}
