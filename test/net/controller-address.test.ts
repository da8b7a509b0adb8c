import test from "ava";
import { controllerRpcAddress } from "../../src/net/controller-address.ts";

const GOOD: [url: string, address: string][] = [
  ["http://127.0.0.1:8080", "ws://127.0.0.1:8080/rpc"],
  ["http://localhost:8080/", "ws://localhost:8080/rpc"],
  ["https://iris.example.org", "wss://iris.example.org/rpc"],
  ["http://[::1]:8080", "ws://[::1]:8080/rpc"],
  ["HTTP://Host:80", "ws://host/rpc"],
];

for (const [url, address] of GOOD) {
  test(`a session with the controller ${url} is dialled at ${address}`, (t) => {
    t.is(controllerRpcAddress(url), address);
  });
}

const BAD: [url: unknown, wayOut: RegExp][] = [
  ["", /http:\/\/host:8080/],
  ["localhost:8080", /http:\/\/host:8080/],
  ["127.0.0.1:8080", /http:\/\/host:8080/],
  ["ws://host:8080/rpc", /http:\/\/host:8080/],
  ["ftp://host", /http:\/\/host:8080/],
  ["http://", /http:\/\/host:8080/],
  ["http://host:99999", /http:\/\/host:8080/],
  [undefined, /http:\/\/host:8080/],
  [8080, /http:\/\/host:8080/],
  ["http://host:8080/rpc", /only scheme, host and port belong there: "http:\/\/host:8080"/],
  ["http://host:8080/?a=1", /only scheme, host and port/],
  ["http://host:8080/#x", /only scheme, host and port/],
];

for (const [url, wayOut] of BAD) {
  test(`${JSON.stringify(url) ?? "nothing"} is refused as a controller's URL, with the way out`, (t) => {
    t.throws(() => controllerRpcAddress(url as string), { code: "INVALID_ARGUMENT", message: wayOut });
  });
}

test("a controller's URL with a password is refused without repeating the password", (t) => {
  const error = t.throws(() => controllerRpcAddress("http://me:secret@host:8080"), { code: "INVALID_ARGUMENT" });
  t.false(error?.message.includes("secret"));
});
