/**
 * Typed services over channels: a definition from `proto/` and its handlers make a `Target`; a definition and a
 * `Channel` make a client. No state, no I/O: this is only the types and the codecs.
 */
import { IrisError } from "../runtime/errors.ts";
import type { Channel, ChannelCallOptions, InboundCall, Payload, Target } from "./channel.ts";
import type { MessageCodec, ServiceDefinition } from "./message.ts";

/** What implements a service: for each method a function of the request; streamed ones return an async iterable. */
export type ServiceHandlers<S> = {
  readonly [K in keyof S]: S[K] extends { request: infer Q; response: infer R; stream: infer T }
    ? (request: Q, call: InboundCall) => T extends true ? AsyncIterable<R> : Promise<R> | R
    : never;
};

/** What calls a service: each method once, its answer as a promise or, when streamed, as an async iterable. */
export type ServiceClient<S> = {
  readonly [K in keyof S]: S[K] extends { request: infer Q; response: infer R; stream: infer T }
    ? (request: Q, options?: ChannelCallOptions) => T extends true ? AsyncIterable<R> : Promise<R>
    : never;
};

interface AnyMethod {
  readonly request: MessageCodec<unknown>;
  readonly response: MessageCodec<unknown>;
  readonly stream: boolean;
}
type AnyHandler = (request: unknown, call: InboundCall) => unknown;

/**
 * Serves `handlers` under the definition. Unknown methods fail with `NO_SUCH_METHOD`, payloads of another codec with
 * `INVALID_ARGUMENT`, malformed ones with `PROTOCOL_ERROR`; each concerns its call alone.
 */
export function serviceTarget<S>(definition: ServiceDefinition<S>, handlers: ServiceHandlers<S>): Target {
  const methods = new Map(Object.entries(definition.methods as Record<string, AnyMethod>));
  const byName = handlers as Readonly<Record<string, AnyHandler>>;
  return {
    handle(call) {
      const method = methods.get(call.method);
      if (method === undefined) {
        throw new IrisError("NO_SUCH_METHOD", `${definition.name} has no method "${call.method}"`);
      }
      const request = messageOf(definition.name, call.method, method.request, call.payload);
      const answer = byName[call.method]?.(request, call);
      if (method.stream) {
        return mapEach(answer as AsyncIterable<unknown>, (message) => payloadOf(method.response, message));
      }
      return Promise.resolve(answer).then((message) => payloadOf(method.response, message));
    },
  };
}

/** Calls the service of the definition through `channel`. */
export function serviceClient<S>(definition: ServiceDefinition<S>, channel: Channel): ServiceClient<S> {
  const client: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(definition.methods as Record<string, AnyMethod>)) {
    client[name] = (request: unknown, options?: ChannelCallOptions) => {
      const outcome = channel.call(definition.name, name, payloadOf(method.request, request), options);
      const decode = (payload: Payload) => messageOf(definition.name, name, method.response, payload);
      return method.stream ? mapEach(outcome, decode) : outcome.then(decode);
    };
  }
  return client as ServiceClient<S>;
}

function payloadOf(codec: MessageCodec<unknown>, message: unknown): Payload {
  return { codec: "PROTOBUF", bytes: codec.encode(message) };
}

function messageOf(service: string, method: string, codec: MessageCodec<unknown>, payload: Payload): unknown {
  if (payload.codec !== "PROTOBUF") {
    throw new IrisError("INVALID_ARGUMENT", `${service}.${method} takes and gives PROTOBUF, not ${payload.codec}`);
  }
  return codec.decode(payload.bytes);
}

/** Not a generator: leaving must reach the source even while the next item is awaited, or before the first was. */
function mapEach<A, B>(source: AsyncIterable<A>, map: (item: A) => B): AsyncIterable<B> {
  return {
    [Symbol.asyncIterator]() {
      const items = source[Symbol.asyncIterator]();
      return {
        async next() {
          const next = await items.next();
          if (next.done === true) return { done: true, value: undefined };
          try {
            return { done: false, value: map(next.value) };
          } catch (error) {
            await items.return?.();
            throw error;
          }
        },
        async return() {
          await items.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
