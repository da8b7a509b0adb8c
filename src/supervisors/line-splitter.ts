/** Cuts a process's output into lines. Holds at most one line of bounded length, however long the real one is. */
import { StringDecoder } from "node:string_decoder";
import { SUPERVISION_LIMITS } from "./limits.ts";

export class LineSplitter {
  readonly #onLine: (line: string) => void;
  readonly #decoder = new StringDecoder("utf8");
  #held = "";
  /** The rest of a line that was cut is dropped until it ends. */
  #dropping = false;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(bytes: Buffer): void {
    const [first = "", ...more] = this.#decoder.write(bytes).split("\n");
    this.#hold(first);
    for (const text of more) {
      this.#flush();
      this.#hold(text);
    }
  }

  /** The output is over; a last line may come without an end. */
  end(): void {
    this.#hold(this.#decoder.end());
    if (this.#held !== "") this.#flush();
  }

  #hold(text: string): void {
    if (this.#dropping) return;
    this.#held += text;
    if (this.#held.length <= SUPERVISION_LIMITS.lineChars) return;
    this.#held = `${this.#held.slice(0, SUPERVISION_LIMITS.lineChars)} (cut after ${SUPERVISION_LIMITS.lineChars} characters)`;
    this.#dropping = true;
  }

  #flush(): void {
    const line = this.#held.endsWith("\r") ? this.#held.slice(0, -1) : this.#held;
    this.#held = "";
    this.#dropping = false;
    this.#onLine(line);
  }
}
