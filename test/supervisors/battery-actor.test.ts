import anyTest, { type TestFn } from "ava";
import { Actor } from "../../src/runtime/actor.ts";
import { actor } from "../../src/supervisors/index.ts";
import { type Behaviour, battery } from "./battery.ts";

const alive = new Set<string>();

class Own extends Actor {
  override onStart(): void {
    alive.add("own");
    this.context.signal.addEventListener("abort", () => alive.delete("own"));
  }
  override onStop(): void {
    alive.delete("own");
  }
}

class Player extends Actor {
  readonly #behaviour: Behaviour;

  constructor(behaviour: Behaviour) {
    super();
    this.#behaviour = behaviour;
  }

  override onStart(): void {
    if (this.#behaviour === "cannot") throw new Error("no configuration");
    alive.add("player");
    this.context.signal.addEventListener("abort", () => alive.delete("player"));
    if (this.#behaviour === "deaf") this.context.spawn(Own);
    if (this.#behaviour === "ends") void this.context.self.stop();
    if (this.#behaviour === "crashes") (this.context.self.tell() as { fail(): boolean }).fail();
  }

  override onStop(): Promise<void> | undefined {
    if (this.#behaviour === "deaf") return new Promise(() => {});
    alive.delete("player");
    return undefined;
  }

  fail(): never {
    throw new Error("boom");
  }
}

battery(anyTest as TestFn, {
  name: "actor",
  child: (id, behaviour, options) => actor(Player, { id, args: [behaviour], ...options }),
  left: async () => [...alive],
  endsAs: "normal",
  cannot: { code: "INTERNAL", message: /no configuration/ },
  crash: /boom/,
  forceMs: 10_000,
});
