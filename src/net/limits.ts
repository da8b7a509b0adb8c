/**
 * Bounds of one session, each with its unit and its reason. The receiver enforces them before it allocates; a peer that
 * breaks one loses its session, never the process.
 */
export interface SessionLimits {
  /** Largest message, and so largest frame. Unit: bytes. */
  readonly messageBytes: number;
  /** Largest first message: nobody has proved yet who they are. Unit: bytes. */
  readonly helloBytes: number;
  /** Frames in one message. */
  readonly framesPerMessage: number;
  /** Frames of one turn leave as one message; one that has grown to this leaves at once. Unit: bytes. */
  readonly batchBytes: number;
  /** Calls in flight, each way: beyond it calls are refused with `RESOURCE_EXHAUSTED`. */
  readonly callsInFlight: number;
  /** Streamed answers in flight, each way. */
  readonly streamsInFlight: number;
  /** Watches of targets, each way. */
  readonly watches: number;
  /** Items of a stream that may be on the way or unread. */
  readonly streamCreditItems: number;
  /** Waiting to be sent, from which on calls and tells are refused. Unit: bytes. */
  readonly queueBytes: number;
  /** Waiting to be sent, answers included, from which on a peer that does not read loses its session. Unit: bytes. */
  readonly queueBytesFinal: number;
  /** Time for the hello exchange. Unit: ms. */
  readonly helloMs: number;
  /** How often an idle peer is asked whether it is there. Unit: ms. */
  readonly keepAliveEveryMs: number;
  /** Intervals of silence within which a peer is given up, the one counted in which it fell silent. */
  readonly keepAliveMisses: number;
  /** Sessions of one listener. */
  readonly sessions: number;
  /** Sessions of one listener from one network address, those that have not said hello included. */
  readonly sessionsPerAddress: number;
}

export const DEFAULT_SESSION_LIMITS: SessionLimits = Object.freeze({
  /** A result of 1 MiB and a bundle's manifest fit many times over; a hostile length cannot exhaust memory. */
  messageBytes: 16 * 1024 * 1024,
  /** A task's token is about 1 KiB. */
  helloBytes: 16 * 1024,
  /** More than fit in a batch of the smallest frames (4 bytes), four times over. */
  framesPerMessage: 65_536,
  /** Beyond this, batching gains nothing and costs a copy. */
  batchBytes: 64 * 1024,
  /** Sixteen times what saturates a connection (1 024), and a few MB of bookkeeping. */
  callsInFlight: 16_384,
  /** A stream holds a generator and a buffer; nobody follows a thousand at once by hand. */
  streamsInFlight: 1_024,
  /** One per actor that is referred to. */
  watches: 4_096,
  /** Hides a round trip of a LAN at any useful rate. */
  streamCreditItems: 32,
  /** Four of the largest messages: enough for a full pipe, seconds of a slow link. */
  queueBytes: 64 * 1024 * 1024,
  /** Answers cannot be refused, so they have four times the room. */
  queueBytesFinal: 256 * 1024 * 1024,
  /** Ten times the round trip of a bad link, with a busy loop at the other end. */
  helloMs: 5_000,
  /** Keeps middleboxes awake (their usual patience is a minute and more). */
  keepAliveEveryMs: 5_000,
  /** 10 to 15 s of silence: longer than a garbage collection, shorter than anybody's patience. */
  keepAliveMisses: 3,
  /** Half the usual limit of open files with room for the rest of the process. */
  sessions: 10_000,
  /** A whole rack behind one address fits; two addresses cannot take all the room. */
  sessionsPerAddress: 4_096,
});

/** `limits` over the defaults. Throws `RangeError` for relations that make no sense. */
export function sessionLimits(limits: Partial<SessionLimits> = {}): SessionLimits {
  const all = { ...DEFAULT_SESSION_LIMITS, ...limits };
  for (const [name, value] of Object.entries(all)) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new RangeError(`limit ${name} is ${value}, not a count above 0`);
  }
  if (all.helloBytes > all.messageBytes) throw new RangeError("helloBytes is more than messageBytes");
  if (all.batchBytes > all.messageBytes) throw new RangeError("batchBytes is more than messageBytes");
  if (all.queueBytesFinal < all.queueBytes) throw new RangeError("queueBytesFinal is less than queueBytes");
  return all;
}
sessionLimits();
