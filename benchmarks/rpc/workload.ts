/** A case as calls of a subject's clients: what is sent, and whether what came back is right. */
import type { Issue } from "../../src/cli/bench-load.ts";
import { Buffers, textOf, wrongRecord } from "../../src/cli/bench-payload.ts";
import type { RpcCase } from "./cases.ts";
import { type FloorClient, isFloor, type RpcClient } from "./subject.ts";

type Client = RpcClient | FloorClient;

/** Slots of a case that has several connections are dealt out in turn: slot `n` calls through client `n % clients`. */
export function callsOf(one: RpcCase, clients: readonly Client[], slots: number): Issue {
  const issues = clients.map((client) => {
    if (isFloor(client)) return floorCalls(one, client, slots);
    if (one.kind === "bytes") return byteCalls(client, slots, one.size ?? 0);
    if (one.kind === "stream") return streamCalls(client, one.size ?? 0);
    return smallCalls(client);
  });
  const [first] = issues;
  if (first === undefined) throw new Error("nobody to call");
  if (issues.length === 1) return first;
  return (call, slot, settle) => (issues[slot % issues.length] ?? first)(call, slot, settle);
}

function smallCalls(client: RpcClient): Issue {
  return (id, _slot, settle) => {
    client.small({ id, text: textOf(id) }).then((reply) => settle(wrongRecord(reply, id)), settle);
  };
}

function byteCalls(client: RpcClient, slots: number, size: number): Issue {
  const buffers = new Buffers(slots, size);
  return (call, slot, settle) => {
    client.bytes(buffers.marked(slot, call)).then((reply) => settle(buffers.wrong(reply, slot, call)), settle);
  };
}

function streamCalls(client: RpcClient, items: number): Issue {
  const read = async () => {
    let id = 0;
    for await (const item of client.stream?.(items) ?? []) {
      const wrong = wrongRecord(item, id++);
      if (wrong !== undefined) return wrong;
    }
    return id === items ? undefined : new Error(`a stream of ${items} had ${id}`);
  };
  return (_call, _slot, settle) => {
    read().then(settle, settle);
  };
}

/** What a small record is on a floor: as many bytes as it has in protobuf's wire format, give or take two. */
const RECORDS = Array.from({ length: 64 }, (_, id) => Buffer.from(`${String(id).padStart(6)}${textOf(id)}`));

function floorCalls(one: RpcCase, client: FloorClient, slots: number): Issue {
  if (one.kind === "bytes") {
    const buffers = new Buffers(slots, one.size ?? 0);
    return (call, slot, settle) =>
      client.echo(slot, buffers.marked(slot, call), (reply) => settle(buffers.wrong(reply, slot, call)));
  }
  return (call, slot, settle) => {
    const sent = RECORDS[call & 63] ?? Buffer.alloc(0);
    client.echo(slot, sent, (reply) => {
      const isRight = reply.length === sent.length && reply[5] === sent[5] && reply[4] === sent[4];
      settle(isRight ? undefined : new Error(`not the bytes of call ${call}`));
    });
  };
}
