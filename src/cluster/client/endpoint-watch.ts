/**
 * Who serves a name, as the controller pushes it: the members of a pool. While the link is cut, the members are those
 * that were known last: they are called directly, and a controller that restarts must not stop that.
 */
import { MemberList } from "../../net/actor-pool-members.ts";
import { type IrisError, toIrisError } from "../../runtime/errors.ts";
import type { Logger } from "../../runtime/ports/logger.ts";
import type { ControlLink } from "./control-link.ts";

/** Members that follow the controller's list until closed. */
export class EndpointWatch extends MemberList {
  readonly #ended = new AbortController();

  readonly #onFailed: (error: IrisError) => void;

  /** `onFailed` is called once, if the controller can never be followed: later, not before this returns. */
  constructor(
    link: ControlLink,
    name: string,
    namespace: string,
    logger: Logger,
    onFailed: (error: IrisError) => void,
  ) {
    super();
    this.#onFailed = onFailed;
    void this.#follow(link, name, namespace, logger.child({ name, controller: link.url }));
  }

  override close(): void {
    this.#ended.abort();
    super.close();
  }

  /** Never rejects. What cannot be repaired by waiting (a refused token, a closed client) ends it. */
  async #follow(link: ControlLink, name: string, namespace: string, logger: Logger): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      try {
        const sets = link.stream(
          (control, options) => control.watchEndpoints({ name, namespace }, options),
          signal,
          () => false, // there is no last set
        );
        for await (const { endpoints } of sets) this.set(endpoints);
      } catch (thrown) {
        if (signal.aborted) return;
        const error = toIrisError(thrown);
        logger.warn({ code: error.code, error: error.message }, "cannot follow who serves a name");
        // A controller that is not there yet is asked again: each try took its 30 s.
        if (error.code === "UNAVAILABLE") continue;
        this.#onFailed(error);
        return;
      }
    }
  }
}
