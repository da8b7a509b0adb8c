import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { controllerSettings, type Terminal } from "../../src/cli/settings.ts";
import { IrisError } from "../../src/runtime/errors.ts";
import { ManualClock } from "../kit/manual-clock.ts";

async function terminal(t: ExecutionContext, environment: Record<string, string>, config?: string): Promise<Terminal> {
  const cwd = await mkdtemp(join(tmpdir(), "iris-settings-"));
  t.teardown(() => rm(cwd, { recursive: true, force: true }));
  if (config !== undefined) await writeFile(join(cwd, "iris.config.json"), config);
  return {
    environment: { IRIS_HOME: cwd, ...environment },
    cwd,
    clock: new ManualClock(),
    out() {},
    err() {},
    columns: undefined,
    interrupted: new AbortController().signal,
  };
}

test("flag before variable before file before default", async (t) => {
  const file = '{"controller": "http://file:1", "token": "of-file"}';
  const variables = { IRIS_CONTROLLER: "http://variable:1", IRIS_TOKEN: "of-variable" };
  t.deepEqual(
    controllerSettings({ controller: "http://flag:1", token: "of-flag" }, await terminal(t, variables, file)),
    { url: "http://flag:1", token: "of-flag" },
  );
  t.deepEqual(controllerSettings({}, await terminal(t, variables, file)), {
    url: "http://variable:1",
    token: "of-variable",
  });
  t.deepEqual(controllerSettings({}, await terminal(t, {}, file)), { url: "http://file:1", token: "of-file" });
  const { url, token } = controllerSettings({}, await terminal(t, {}));
  t.is(url, "http://127.0.0.1:8080");
  t.is(token.length, 32, "this user's own token was made");
});

test("inside a task the command line talks to the task's controller", async (t) => {
  const { url } = controllerSettings(
    {},
    await terminal(t, { IRIS_CONTROLLER_ADDRESS: "http://of-task:1", IRIS_TOKEN: "x" }),
  );
  t.is(url, "http://of-task:1");
});

for (const [what, text, says] of [
  ["no JSON", "{", /no JSON/],
  ["no object", "[]", /must hold an object/],
  ["an unknown key", '{"controler": "x"}', /controler is not known/],
  ["a value that is no text", '{"token": 1}', /token is not known or no text/],
] as const) {
  test(`a config file with ${what} is refused, with its path`, async (t) => {
    const at = await terminal(t, {}, text);
    const error = t.throws(() => controllerSettings({}, at), { message: says });
    t.true(IrisError.is(error, "INVALID_ARGUMENT"));
    t.true(error?.message.includes(at.cwd));
  });
}
