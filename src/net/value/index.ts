/** Users' arguments and results as bytes, and back. See `encode.ts` for what can be sent and how it arrives. */
export { type BytesOwner, decodeValue } from "./decode.ts";
export { encodeValue, encodeValuePieces } from "./encode.ts";
export { ValueSession } from "./session.ts";
