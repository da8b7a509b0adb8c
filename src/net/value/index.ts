/** Users' arguments and results as bytes, and back. See `encode.ts` for what can be sent and how it arrives. */
export { decodeValue } from "./decode.ts";
export { encodeValue } from "./encode.ts";
