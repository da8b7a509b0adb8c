/** Everything that travels: links, sessions, connections, services, errors and secrets; actors served and found. */
export {
  ActorPool,
  type ActorPoolOptions,
  type Broadcast,
  type BroadcastResult,
  type PoolCallOptions,
  type PoolMember,
} from "./actor-pool.ts";
export { ConnectionCache, type Dial, type DialPorts, dialWith } from "./actor-pool-connections.ts";
export { MemberList, type MemberSource } from "./actor-pool-members.ts";
export type { Route } from "./actor-pool-route.ts";
export { loadCallable, packCallable } from "./callable/index.ts";
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
export type { Latency } from "./poller.ts";
export { EndpointRegistrar, type EndpointRegistrarOptions } from "./registrar.ts";
export { type RemoteRef, type RemoteRefOptions, remoteRef } from "./remote-ref.ts";
export { FixedResolver, type FixedResolverOptions, type ResolveOptions, type Resolver } from "./resolver.ts";
export { ActorServer, type ActorServerOptions, type ActorServerPorts, type TlsOptions } from "./server.ts";
export type { Grants } from "./server-access.ts";
export { type ServiceClient, type ServiceHandlers, serviceClient, serviceTarget } from "./service.ts";
export { PROTOCOL_VERSION } from "./session.ts";
export { type PeerTargets, SessionListener, type SessionListenerOptions } from "./session-listener.ts";
export { constantTimeEqual, userToken } from "./token.ts";
export type { DialOptions, Link, LinkHandler, ListenOptions, Transport, TransportListener } from "./transport.ts";
export { MemoryNetwork } from "./transport-memory.ts";
export { type WsTransportOptions, wsTransport } from "./transport-ws.ts";
export { decodeValue, encodeValue } from "./value/index.ts";
export type { Endpoint } from "./wire/iris.ts";
