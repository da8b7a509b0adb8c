import test from "ava";
import { isOriginAllowed } from "../../src/net/transport-origin.ts";

test("programs name no origin and pass; pages pass from the server's own address only", (t) => {
  const cases: [origin: string | undefined, host: string | undefined, allowed: boolean][] = [
    [undefined, "127.0.0.1:8080", true],
    ["http://127.0.0.1:8080", "127.0.0.1:8080", true],
    ["http://localhost:8080", "localhost:8080", true],
    ["https://[::1]", "[::1]", true],
    ["https://10.0.0.5", "10.0.0.5:443", true],
    ["http://127.0.0.1:3000", "127.0.0.1:8080", false],
    ["http://localhost:8080", "127.0.0.1:8080", false],
    ["http://evil.example", "127.0.0.1:8080", false],
    ["http://127.0.0.1:8080", undefined, false],
    ["null", "127.0.0.1:8080", false],
    ["", "127.0.0.1:8080", false],
    ["nonsense", "nonsense", false],
    ["file://", "127.0.0.1:8080", false],
  ];
  for (const [origin, host, allowed] of cases) t.is(isOriginAllowed(origin, host), allowed, `${origin} at ${host}`);
});

test("a name that anybody may point here is no proof of being the server's own", (t) => {
  t.false(isOriginAllowed("http://rebound.example:8080", "rebound.example:8080"));
  t.true(isOriginAllowed("http://app.example:8080", "app.example:8080", ["http://app.example:8080"]));
});

test("origins that the owner names are allowed, to the port and the scheme, and * allows all", (t) => {
  const origins = ["https://app.example", "http://dev.example:3000/"];
  t.true(isOriginAllowed("https://app.example", "10.0.0.1:1", origins));
  t.true(isOriginAllowed("http://dev.example:3000", "10.0.0.1:1", origins));
  t.false(isOriginAllowed("http://app.example", "10.0.0.1:1", origins));
  t.false(isOriginAllowed("https://app.example:444", "10.0.0.1:1", origins));
  t.false(isOriginAllowed("https://sub.app.example", "10.0.0.1:1", origins));
  t.true(isOriginAllowed("https://anybody.example", "10.0.0.1:1", ["*"]));
});
