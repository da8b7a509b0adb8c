import test from "ava";
import type { ServiceDefinition } from "../../src/net/message.ts";
import { serviceClient, serviceTarget } from "../../src/net/service.ts";
import { Control, type ControlMethods, type JobStatus } from "../../src/net/wire/iris.ts";
import { settle } from "../kit/manual-clock.ts";
import { bytes, pair } from "../kit/session-pair.ts";

type Some = Pick<ControlMethods, "submit" | "watchJob">;
const definition: ServiceDefinition<Some> = {
  name: Control.name,
  methods: { submit: Control.methods.submit, watchJob: Control.methods.watchJob },
};

async function service() {
  const seen = { ended: 0 };
  const target = serviceTarget(definition, {
    submit: (request) => ({ jobId: `job-of-${request.spec?.name}` }),
    watchJob: async function* (request) {
      try {
        for (let version = request.afterVersion + 1; ; version++)
          yield { jobId: request.jobId, version } as unknown as JobStatus;
      } finally {
        seen.ended++;
      }
    },
  });
  const { dialler } = await pair({ targets: (name) => (name === definition.name ? target : undefined) });
  return { seen, session: dialler.session, client: serviceClient(definition, dialler.session) };
}

test("a client's call is its handler's request, and the answer comes back typed", async (t) => {
  const { client } = await service();
  const spec = { name: "hello" } as never;
  const reply = await client.submit({ spec, ifExists: "IF_EXISTS_UNSPECIFIED" as never, idempotencyKey: "" });
  t.deepEqual(reply, { jobId: "job-of-hello" });
});

test("a streamed method is iterated, and leaving the loop ends its handler", async (t) => {
  const { client, seen } = await service();
  const versions: number[] = [];
  for await (const status of client.watchJob({ jobId: "j", afterVersion: 4 })) {
    versions.push(status.version);
    if (versions.length === 3) break;
  }
  t.deepEqual(versions, [5, 6, 7]);
  await settle();
  t.is(seen.ended, 1);
});

test("unknown methods, other formats and malformed requests fail their call alone", async (t) => {
  const { session, client } = await service();
  const call = (method: string, payload = { codec: "PROTOBUF" as const, bytes: new Uint8Array() }) =>
    Promise.resolve(session.call(definition.name, method, payload));
  await t.throwsAsync(call("explode"), { code: "NO_SUCH_METHOD" });
  await t.throwsAsync(call("constructor"), { code: "NO_SUCH_METHOD" });
  await t.throwsAsync(call("submit", bytes("value") as never), { code: "INVALID_ARGUMENT" });
  await t.throwsAsync(call("submit", { codec: "PROTOBUF", bytes: Uint8Array.of(0x0a, 0x7f) }), {
    code: "PROTOCOL_ERROR",
  });
  t.is(session.state, "open");
  t.truthy(client);
});
