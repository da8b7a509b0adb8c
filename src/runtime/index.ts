/** Actors of one process: the sub-path `iris-runtime/runtime`. */
export { Actor, type ActorContext } from "./actor.ts";
export { addBranch } from "./branch.ts";
export { type CallContext, currentCall } from "./context.ts";
export { type DispatchOptions, dispatch, tellTo } from "./dispatch.ts";
export { ERROR_CODES, type ErrorCode, IrisError, type IrisErrorOptions, toError, toIrisError } from "./errors.ts";
export { describeExit, type ExitReason, isAbnormal, NORMAL } from "./exit.ts";
export type { Home, HostOptions, SpawnedChild, SpawnOptions, SpawnSupervisor, Startable } from "./home.ts";
export { opaqueId, readableId } from "./ids.ts";
export { RUNTIME_LIMITS } from "./limits.ts";
export type { MachineOptions, MachineRef } from "./machine-ref.ts";
export type { MailboxOptions } from "./mailbox.ts";
export { isPublicMethod } from "./methods.ts";
export { type Clock, sleep, systemClock, type TimerHandle } from "./ports/clock.ts";
export { type Environment, processEnvironment } from "./ports/environment.ts";
export { type Logger, silentLogger } from "./ports/logger.ts";
export { type Random, systemRandom } from "./ports/random.ts";
export type {
  ActorRef,
  AnyRef,
  CallOptions,
  MethodNames,
  Remote,
  RemoteResult,
  Tell,
  TellOptions,
  Terminated,
} from "./ref.ts";
export {
  release,
  type SupervisedActor,
  type SupervisedOptions,
  startSupervised,
} from "./supervised.ts";
export { ActorSystem, type ActorSystemOptions } from "./system.ts";
export type { ActorSnapshot, Branch, MessageCounts, TreeSnapshot } from "./tree.ts";
export { formatTree } from "./tree-text.ts";
