/**
 * Protobuf messages as plain typed objects. The codecs are built by protobufjs from the descriptors of `proto/`; what
 * this module adds is the shape (enums as their names, 64-bit integers as numbers, absent optionals left out) and that
 * whatever is wrong with received bytes is a `PROTOCOL_ERROR`, never an exception of another kind.
 */
import protobuf from "protobufjs";
import { IrisError } from "../runtime/errors.ts";

export interface MessageCodec<M> {
  encode(message: M): Uint8Array;
  /** Throws `PROTOCOL_ERROR` for anything that is not such a message. Unknown fields are skipped. */
  decode(bytes: Uint8Array): M;
}

/** The methods of a service: what each takes and gives, and whether it gives many. */
export type ServiceMethods = Record<string, { request: object; response: object; stream: boolean }>;

export interface ServiceDefinition<S> {
  /** Name on the wire, such as `iris.v1.Control`. */
  readonly name: string;
  readonly methods: {
    readonly [K in keyof S]: S[K] extends { request: infer Q; response: infer R; stream: infer T }
      ? { readonly request: MessageCodec<Q>; readonly response: MessageCodec<R>; readonly stream: T }
      : never;
  };
}

const TO_PLAIN: protobuf.IConversionOptions = { longs: Number, enums: String, defaults: true };
const roots = new Map<string, protobuf.Root>();

/** The codec of the message called `name`, such as `iris.v1.Frame`. Cheap: the real work is done at its first use. */
export function messageCodec<M>(descriptor: string, name: string): MessageCodec<M> {
  let type: protobuf.Type | undefined;
  const resolved = (): protobuf.Type => {
    if (type === undefined) {
      let root = roots.get(descriptor);
      if (root === undefined) {
        root = protobuf.Root.fromJSON(JSON.parse(descriptor));
        roots.set(descriptor, root);
      }
      type = root.lookupType(name);
    }
    return type;
  };
  return {
    encode: (message) =>
      resolved()
        .encode(resolved().fromObject(message as Record<string, unknown>))
        .finish(),
    decode: (bytes) => {
      try {
        return resolved().toObject(resolved().decode(bytes), TO_PLAIN) as M;
      } catch (cause) {
        throw new IrisError("PROTOCOL_ERROR", `not a ${name}: ${(cause as Error).message}`, { cause });
      }
    },
  };
}
