/** What became of one actor's messages, as plain numbers. Invariant: `accepted` = the six ends + `open`. */
import { OUTCOMES, type Outcome } from "./envelope.ts";
import type { MessageCounts } from "./tree.ts";

export class Tally implements Record<Outcome, number> {
  accepted = 0;
  handled = 0;
  failed = 0;
  expired = 0;
  cancelled = 0;
  rejected = 0;
  undeliverable = 0;
  refused = 0;

  snapshot(): MessageCounts {
    let open = this.accepted;
    for (const outcome of OUTCOMES) open -= this[outcome];
    return {
      accepted: this.accepted,
      handled: this.handled,
      failed: this.failed,
      expired: this.expired,
      cancelled: this.cancelled,
      rejected: this.rejected,
      undeliverable: this.undeliverable,
      open,
      refused: this.refused,
    };
  }
}
