/** The small parts of a controller, each by itself: comparing sets, waking, ringing, probing, answering over HTTP. */
import { createServer as createHttpServer, request as httpRequest } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import test from "ava";
import { answerHttp } from "../../../src/cluster/controller/http.ts";
import type { Subject } from "../../../src/cluster/controller/kernel/command.ts";
import { retryWaitMs } from "../../../src/cluster/controller/kernel/retry.ts";
import { tcpProber } from "../../../src/cluster/controller/prober.ts";
import { desiredOf, reconcile } from "../../../src/cluster/controller/reconcile.ts";
import { Wakes } from "../../../src/cluster/controller/wakes.ts";
import { Bell, Watches } from "../../../src/cluster/controller/watches.ts";
import { CLUSTER_LIMITS } from "../../../src/cluster/job/limits.ts";
import { systemClock } from "../../../src/runtime/ports/clock.ts";
import { ManualClock, settle } from "../../kit/manual-clock.ts";
import { SeededRandom } from "../../kit/seeded-random.ts";
import { Journey, USER } from "./journey.ts";

test("what is desired is everything held: to run with its specification until observed, to stop without", (t) => {
  const j = new Journey();
  j.worker("w");
  const [a, b, c] = [j.submit(), j.submit(), j.submit()];
  j.start(`${a}/0`);
  j.start(`${b}/0`);
  j.run({ kind: "terminate", jobId: b, by: USER });
  j.place();
  const shape = desiredOf(j.state, "w", "a").map(({ attempt, run, wantsSpec }) => [attempt.jobId, run, wantsSpec]);
  t.deepEqual(
    shape.sort(),
    [
      [a, true, false],
      [b, false, false],
      [c, true, true],
    ].sort(),
  );
  t.deepEqual(desiredOf(j.state, "w", "another life"), []);
});

test("what was not asked about and runs is a stray; what ended or is missing is not; the last word counts", (t) => {
  const observed = (uid: string, phase: "RUNNING" | "EXITED" | "MISSING") => ({ uid, phase, ports: {} });
  const { news, strays } = reconcile(new Set(["a", "b"]), [
    observed("a", "RUNNING"),
    observed("a", "EXITED"),
    observed("x", "RUNNING"),
    observed("y", "EXITED"),
    observed("z", "MISSING"),
  ]);
  t.deepEqual(news, [observed("a", "EXITED")]);
  t.deepEqual(strays, ["x"]);
});

test("what another state's controller wanted is no stray, unless it is asked about; what has ended there is nothing", (t) => {
  const of = (uid: string, stateId?: string, phase: "RUNNING" | "EXITED" = "RUNNING") => ({
    ...{ uid, phase, ports: {} },
    ...(stateId === undefined ? {} : { stateId }),
  });
  const listed = [of("a", "theirs"), of("b", "ours"), of("c", "theirs"), of("d"), of("e", "theirs", "EXITED")];
  const { news, strays, foreign } = reconcile(new Set(["a"]), listed, "ours");
  t.deepEqual(
    [news, strays, foreign].map((some) => some.map((one) => (typeof one === "string" ? one : one.uid))),
    [["a"], ["b", "d"], ["c"]],
  );
});

test("wakes come in the order of their times, each subject once, none after the stop", async (t) => {
  const clock = new ManualClock();
  const woken: string[] = [];
  const wakes = new Wakes(clock, (subjects: Subject[]) => woken.push(subjects.map(({ id }) => id).join("+")));
  const start = clock.now();
  for (const [id, inMs] of [
    ["c", 30],
    ["a", 10],
    ["b", 20],
    ["b2", 20],
    ["a", 10],
    ["d", 40],
  ] as const) {
    wakes.add(start + inMs, { kind: "task", id });
  }
  await clock.advance(30);
  t.deepEqual(woken, ["a", "b+b2", "c"]);
  wakes.stop();
  wakes.add(start, { kind: "task", id: "late" });
  await clock.advance(100);
  t.is(woken.length, 3);
  t.is(clock.pending, 0);
});

test("many wakes in any order come sorted", async (t) => {
  const clock = new ManualClock();
  const random = new SeededRandom(5);
  const times: number[] = [];
  const wakes = new Wakes(clock, (subjects) => times.push(...subjects.map(({ id }) => Number(id))));
  for (let index = 0; index < 500; index++) {
    const inMs = Math.floor(random.next() * 10_000);
    wakes.add(clock.now() + inMs, { kind: "task", id: String(inMs) });
  }
  await clock.advance(10_000);
  t.deepEqual(
    times,
    [...new Set(times)].sort((a, b) => a - b),
  );
  t.is(clock.pending, 0);
});

test("a bell rings once for many rings, at once for one before, and ends with the signal", async (t) => {
  const bell = new Bell();
  const abort = new AbortController();
  bell.ring();
  bell.ring();
  await bell.wait(abort.signal);
  let rung = false;
  const waiting = bell.wait(abort.signal).then(() => {
    rung = true;
  });
  await settle();
  t.false(rung);
  bell.ring();
  await waiting;
  const ended = bell.wait(abort.signal);
  abort.abort();
  await ended;
});

test("listeners hear of their topic alone, and leave nothing behind", (t) => {
  const watches = new Watches();
  const heard: string[] = [];
  const leave = [
    watches.listen("a", () => heard.push("a1")),
    watches.listen("a", () => heard.push("a2")),
    watches.listen("b", () => heard.push("b")),
  ];
  watches.changed("a");
  leave[0]?.();
  leave[0]?.();
  watches.changedAll();
  t.deepEqual(heard, ["a1", "a2", "a2", "b"]);
  for (const fn of leave) fn();
  t.is(watches.topics, 0);
});

test("a retry's wait stays within a minute however often it failed", (t) => {
  const waitMs = retryWaitMs(1_000_000, { random: new SeededRandom(1), limits: CLUSTER_LIMITS });
  t.true(waitMs >= 30_000 && waitMs <= 60_000);
});

test("a probe tells a process that listens from one that does not; what cannot be asked proves nothing", async (t) => {
  const prober = tcpProber(systemClock);
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  t.is(await prober.probe(`127.0.0.1:${port}`), "accepted");
  await new Promise((resolve) => server.close(resolve));
  t.is(await prober.probe(`127.0.0.1:${port}`), "refused");
  for (const address of ["", "nowhere", "127.0.0.1:0", "127.0.0.1:x"]) t.is(await prober.probe(address), "no-answer");
});

test("the health pages want no token, everything else does and is not there", async (t) => {
  let phase: "observing" | "serving" = "observing";
  const server = createHttpServer((request, response) =>
    answerHttp(request, response, { token: "secret", phase: () => phase }),
  ).listen(0, "127.0.0.1");
  t.teardown(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const ask = (path: string, o: { method?: string; token?: string } = {}) =>
    new Promise<string>((resolve, reject) => {
      const headers = o.token === undefined ? {} : { authorization: `Bearer ${o.token}` };
      httpRequest({ host: "127.0.0.1", port, path, method: o.method ?? "GET", headers, agent: false }, (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          body += chunk;
        });
        response.on("end", () => resolve(`${response.statusCode} ${body.trim()}`));
      })
        .on("error", reject)
        .end();
    });
  t.is(await ask("/healthz"), '200 {"status":"ok"}');
  t.is(await ask("/healthz?x"), '200 {"status":"ok"}');
  t.is(await ask("/readyz"), '503 {"status":"observing"}');
  phase = "serving";
  t.is(await ask("/readyz"), '200 {"status":"serving"}');
  t.is(await ask("/healthz", { method: "HEAD" }), "200 ");
  t.regex(await ask("/healthz", { method: "POST" }), /^405 /);
  for (const token of [undefined, "", "wrong"])
    t.regex(await ask("/secrets", token === undefined ? {} : { token }), /^401 \{"error":/);
  t.regex(await ask("/nothing?token=secret"), /^401 /);
  t.regex(await ask("/nothing", { token: "secret" }), /^404 \{"error":"nothing is at \/nothing/);
});
