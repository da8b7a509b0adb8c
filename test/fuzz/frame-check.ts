/** Watches one session: whatever it was sent, it answers no call twice and none that was not made. */
import { BatchCodec, type Frame } from "../../src/net/wire/iris.ts";
import { IrisError } from "../../src/runtime/errors.ts";

export class FrameCheck {
  readonly #open = new Map<number, number>();
  readonly #answered = new Set<number>();
  readonly #unread: Uint8Array[] = [];
  /** Something was received that the schema's own decoder does not take: its ids are unknown from here on. */
  #isBlind = false;

  received(bytes: Uint8Array): void {
    this.#unread.push(bytes);
  }

  /** Only when an answer is to be judged: most inputs get none. */
  #read(): void {
    for (const bytes of this.#unread.splice(0)) this.#readOne(bytes);
  }

  #readOne(bytes: Uint8Array): void {
    if (this.#isBlind) return;
    try {
      for (const { call } of BatchCodec.decode(bytes).frames) {
        if (call !== undefined) this.#open.set(call.id, (this.#open.get(call.id) ?? 0) + 1);
      }
    } catch (error) {
      if (!IrisError.is(error, "PROTOCOL_ERROR")) throw error;
      this.#isBlind = true; // frames before the broken one may still be taken
    }
  }

  sent(frames: readonly Frame[]): void {
    this.#read();
    for (const { reply, fault, streamEnd } of frames) {
      const id = reply?.id ?? fault?.id ?? streamEnd?.id ?? 0;
      if (id === 0) continue;
      const open = this.#open.get(id) ?? 0;
      if (open === 0 && !this.#isBlind) throw new Error(`call ${id} was answered, but not made, or answered before`);
      this.#open.set(id, open - 1);
      this.#answered.add(id);
    }
  }

  hasAnswered(id: number): boolean {
    return this.#answered.has(id);
  }
}
