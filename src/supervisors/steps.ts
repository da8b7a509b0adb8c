/**
 * What a supervisor has to do, one thing after the other, in the order in which it came up. Stops as soon as it is told
 * that the supervisor is leaving: what waits is refused, and only the farewell is still run.
 */
import { type IrisError, toIrisError } from "../runtime/errors.ts";

interface Step {
  run(): Promise<void>;
  refuse(error: IrisError): void;
}

export interface StepsOptions {
  /** Asked before each step and after the last one. */
  readonly leaving: () => boolean;
  readonly refusal: () => IrisError;
  /** Run once, when leaving, after the step that was in hand. */
  readonly farewell: () => Promise<void>;
  /** A step of the supervisor's own threw: a bug. */
  readonly onBug: (error: IrisError) => void;
}

export class Steps {
  readonly #options: StepsOptions;
  readonly #waiting: Step[] = [];
  #working = false;
  #left = false;

  constructor(options: StepsOptions) {
    this.#options = options;
  }

  /** The supervisor's own work; forgotten if it leaves before. */
  post(run: () => Promise<void>): void {
    this.#push({ run, refuse: () => {} });
  }

  /** Somebody's order: settles as `run` does, or rejects if the supervisor leaves before its turn. */
  order<R>(run: () => Promise<R>): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.#push({ run: () => run().then(resolve, reject), refuse: reject });
    });
  }

  /** Goes on with what there is to do, unless it is at it already. */
  async work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    const { leaving, refusal, farewell, onBug } = this.#options;
    while (!leaving()) {
      const step = this.#waiting.shift();
      if (step === undefined) break;
      await step.run().catch((thrown) => onBug(toIrisError(thrown)));
    }
    if (leaving() && !this.#left) {
      this.#left = true;
      for (const step of this.#waiting.splice(0)) step.refuse(refusal());
      await farewell();
    }
    this.#working = false;
  }

  #push(step: Step): void {
    if (this.#options.leaving()) {
      step.refuse(this.#options.refusal());
      return;
    }
    this.#waiting.push(step);
    void this.work();
  }
}
