/**
 * What a task runs, as its author writes it (pure). It only remembers: a function is read and packed when the job is
 * submitted, so it travels with the values that its variables have at that moment.
 */
import { IrisError } from "../../runtime/errors.ts";

/** The three ways to say it. */
export type Recipe =
  | { readonly kind: "command"; readonly argv: readonly string[] }
  | {
      readonly kind: "callable";
      readonly fn: (...args: never[]) => unknown;
      readonly args: readonly unknown[];
    }
  | {
      readonly kind: "module";
      readonly module: string;
      readonly exportName: string;
      readonly args: readonly unknown[];
    };

/** What a task runs; `R` is what `job.result()` gives. Make one with the static functions. */
export class Entrypoint<R = unknown> {
  readonly recipe: Recipe;
  /** Never set: it only ties `R` to the type. */
  declare readonly result?: R;

  private constructor(recipe: Recipe) {
    this.recipe = recipe;
  }

  /**
   * A function and its arguments. It is packed inside `submit`, which rejects with `NOT_SHIPPABLE`, naming the culprit,
   * when the function or an argument cannot travel. Throws `INVALID_ARGUMENT` for what is no function.
   */
  static fromCallable<A extends unknown[], R>(fn: (...args: A) => R, ...args: A): Entrypoint<Awaited<R>> {
    if (typeof fn !== "function") {
      throw new IrisError("INVALID_ARGUMENT", `an entrypoint's callable must be a function, not ${typeof fn}`);
    }
    return new Entrypoint({ kind: "callable", fn, args });
  }

  /**
   * An export of a module and the arguments to call it with. `urlOrPath` is a file: URL, a path (relative ones are
   * meant from the job's workspace, `./lib/train.ts`), or the name of a package that the workspace has installed.
   */
  static fromModule<R = unknown>(urlOrPath: string | URL, exportName: string, ...args: unknown[]): Entrypoint<R> {
    const module = urlOrPath instanceof URL ? urlOrPath.href : urlOrPath;
    if (typeof module !== "string" || module === "") {
      throw new IrisError("INVALID_ARGUMENT", "an entrypoint's module must be a URL or a path, and not empty");
    }
    if (typeof exportName !== "string" || exportName === "") {
      throw new IrisError("INVALID_ARGUMENT", `name the export of ${module} to call; "default" is one`);
    }
    return new Entrypoint({ kind: "module", module, exportName, args });
  }

  /** A program and its arguments. No shell is involved: for one, say `["sh", "-c", "…"]`. */
  static fromCommand(argv: readonly string[]): Entrypoint<undefined> {
    if (!Array.isArray(argv) || argv.length === 0) {
      throw new IrisError("INVALID_ARGUMENT", 'a command is an array such as ["python3", "train.py"], and not empty');
    }
    for (const [index, argument] of argv.entries()) {
      if (typeof argument !== "string" || argument.includes("\0") || (index === 0 && argument === "")) {
        throw new IrisError(
          "INVALID_ARGUMENT",
          `argument ${index} of the command is ${JSON.stringify(argument)}: each must be text without NUL characters, and the first one not empty`,
        );
      }
    }
    return new Entrypoint({ kind: "command", argv: [...argv] });
  }
}
