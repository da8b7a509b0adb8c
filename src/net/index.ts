/** Everything that travels: links, sessions, connections, services, errors and secrets. */
export type {
  Channel,
  ChannelCallOptions,
  Identity,
  InboundCall,
  Outcome,
  Payload,
  Peer,
  Target,
  Targets,
} from "./channel.ts";
export { Connection, type ConnectionOptions, RECONNECT } from "./connection.ts";
export { errorToInfo, type FaultOptions, infoToError, type RemoteError } from "./fault.ts";
export { DEFAULT_SESSION_LIMITS, type SessionLimits } from "./limits.ts";
export type { MessageCodec, ServiceDefinition, ServiceMethods } from "./message.ts";
export { type ServiceClient, type ServiceHandlers, serviceClient, serviceTarget } from "./service.ts";
export { PROTOCOL_VERSION } from "./session.ts";
export { SessionListener, type SessionListenerOptions } from "./session-listener.ts";
export { constantTimeEqual, userToken } from "./token.ts";
export type { DialOptions, Link, LinkHandler, ListenOptions, Transport, TransportListener } from "./transport.ts";
export { MemoryNetwork } from "./transport-memory.ts";
export { type WsTransportOptions, wsTransport } from "./transport-ws.ts";
