// A function runs as a job: its output is streamed, its result comes back.
import { Entrypoint, IrisClient } from "iris-runtime";

await using client = await IrisClient.local();

const job = await client.submit({
  name: "hello",
  entrypoint: Entrypoint.fromCallable((name: string) => {
    console.log(`hello, ${name}`);
    console.error("this line goes to stderr");
    return name.length;
  }, "world"),
  resources: { cpu: 1, memory: "256MiB" },
});
await job.wait({ streamLogs: true });
console.log("the result is", await job.result());

// The log is kept: it can be read again after the end.
for await (const { source, data } of job.logs()) console.log(`${source}: ${data}`);
