/**
 * Values between two ends that stay the same two: what objects of a kind are called, their keys, is said until the other
 * end has said that it knows them, and left out from then on. It is not a channel: it sends nothing and waits for nothing.
 * The one invariant: whatever becomes of a message, those after it can be read. Messages may be lost, dropped, repeated,
 * or arrive in another order; only, all of them come from the session at the other end and from no earlier one.
 */
import { type BytesOwner, decodeWith } from "./decode.ts";
import { encodeWith, inOne, inPieces } from "./encode.ts";
import { TaughtShapes } from "./taught-shapes.ts";

/** One end of a connection makes one and the other end makes one; a new connection makes new ones. */
export class ValueSession {
  readonly #shapes = new TaughtShapes();

  /** As `encodeValue`; the bytes can be read by the session at the other end and by nobody else. */
  encode(value: unknown): Uint8Array {
    const bytes = encodeWith(value, this.#shapes, inOne);
    this.#shapes.toldConfirmed();
    return bytes;
  }

  /** As `encodeValuePieces`, for the session at the other end. */
  encodePieces(value: unknown): Uint8Array[] {
    const pieces = encodeWith(value, this.#shapes, inPieces);
    this.#shapes.toldConfirmed();
    return pieces;
  }

  /** As `decodeValue`, for what the session at the other end has encoded, or `encodeValue`. */
  decode(bytes: Uint8Array, owner: BytesOwner = "caller"): unknown {
    return decodeWith(bytes, this.#shapes, owner);
  }
}
