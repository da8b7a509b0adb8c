/** The service as protobuf has it, for the peers that want a schema. */
export const SCHEMA = `syntax = "proto3";
package bench;
message Small { uint32 id = 1; string text = 2; }
message Bytes { bytes data = 1; }
message Count { uint32 count = 1; }
service Echo {
  rpc Small (Small) returns (Small);
  rpc Bytes (Bytes) returns (Bytes);
  rpc Stream (Count) returns (stream Small);
}
`;

/** The envelope of those who write RPC over a socket by hand. */
export const ENVELOPE = `syntax = "proto3";
package bench;
message Small { uint32 id = 1; string text = 2; }
message Envelope {
  uint32 call = 1;
  string method = 2;
  oneof value { Small small = 3; bytes data = 4; uint32 count = 5; }
  bool end = 6;
}
`;

export const MESSAGE_BYTES_MAX = 8 * 1024 * 1024;
