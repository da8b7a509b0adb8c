/**
 * What V8 knows of a function: where it was written, and the text of that script as it runs, after whatever turned
 * TypeScript into it. Read through an inspector session within this process; no port is opened and no debugger attached.
 * The functions looked at are let go at once.
 */
import type { Session } from "node:inspector";
import vm from "node:vm";

/** A place in a script as V8 counts it: from 0. */
export interface FunctionPlace {
  readonly scriptId: string;
  readonly line: number;
  readonly column: number;
}

export interface FunctionFacts {
  /** Absent for what is native or bound. */
  readonly place: FunctionPlace | undefined;
  readonly isBound: boolean;
}

export interface ScriptText {
  /** `file:` URL of a module, absolute path of a CommonJS file, or whatever the script was called; may be empty. */
  readonly url: string;
  readonly isModule: boolean;
  readonly text: string;
}

interface InternalProperty {
  readonly name: string;
  readonly value?: { readonly value?: { scriptId: string; lineNumber: number; columnNumber: number } };
}

interface ParsedScript {
  readonly scriptId: string;
  readonly url: string;
  readonly isModule?: boolean;
}

const CONTEXT_NAME = "iris-callables";
const HELD = "f";
const GROUP = "iris";

class FunctionReader {
  readonly #session: Session;
  readonly #contextId: number;
  /** The global object of a context of our own, through which a function is shown to the inspector. */
  readonly #holder: Record<string, unknown>;
  readonly #scripts = new Map<string, ScriptText>();

  constructor(session: Session) {
    this.#session = session;
    session.connect();
    let contextId = 0;
    session.on("Runtime.executionContextCreated", ({ params }) => {
      if (params.context.name === CONTEXT_NAME) contextId = params.context.id;
    });
    const context = vm.createContext({}, { name: CONTEXT_NAME });
    this.#post("Runtime.enable");
    // Left on, it would keep every line that the program logs.
    this.#post("Runtime.disable");
    this.#contextId = contextId;
    this.#holder = vm.runInContext("globalThis", context) as Record<string, unknown>;
  }

  facts(fn: object): FunctionFacts {
    this.#holder[HELD] = fn;
    try {
      const { result } = this.#post<{ result: { objectId: string } }>("Runtime.evaluate", {
        expression: HELD,
        contextId: this.#contextId,
        objectGroup: GROUP,
        silent: true,
      });
      const { internalProperties = [] } = this.#post<{ internalProperties?: InternalProperty[] }>(
        "Runtime.getProperties",
        { objectId: result.objectId, ownProperties: true },
      );
      const place = internalProperties.find(({ name }) => name === "[[FunctionLocation]]")?.value?.value;
      return {
        place: place && { scriptId: place.scriptId, line: place.lineNumber, column: place.columnNumber },
        isBound: internalProperties.some(({ name }) => name === "[[TargetFunction]]"),
      };
    } finally {
      delete this.#holder[HELD];
      this.#post("Runtime.releaseObjectGroup", { objectGroup: GROUP });
    }
  }

  script(scriptId: string): ScriptText | undefined {
    const known = this.#scripts.get(scriptId);
    if (known !== undefined) return known;
    let parsed: ParsedScript | undefined;
    const onParsed = ({ params }: { params: ParsedScript }): void => {
      if (params.scriptId === scriptId) parsed = params;
    };
    // Enabling it announces every script there is; once per script that functions are taken from.
    this.#session.on("Debugger.scriptParsed", onParsed);
    try {
      this.#post("Debugger.enable");
      if (parsed === undefined) return undefined;
      const { scriptSource } = this.#post<{ scriptSource: string }>("Debugger.getScriptSource", { scriptId });
      const script = { url: parsed.url, isModule: parsed.isModule === true, text: scriptSource };
      this.#scripts.set(scriptId, script);
      return script;
    } finally {
      this.#post("Debugger.disable");
      this.#session.off("Debugger.scriptParsed", onParsed);
    }
  }

  /** Posts a command. Within one process its answer comes before `post` returns. */
  #post<R>(method: string, params: object = {}): R {
    let answer: { error: Error | null; result: unknown } | undefined;
    this.#session.post(method, params, (error, result) => {
      answer = { error, result };
    });
    if (answer === undefined) throw new Error(`${method} was not answered at once`);
    if (answer.error !== null) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result as R;
  }
}

let reader: FunctionReader | Error | undefined;

/** The reader of this process, made and tried out at its first use; an `Error` where this engine shows nothing to it. */
function functionReader(): FunctionReader | Error {
  if (reader === undefined) {
    try {
      const { Session } = process.getBuiltinModule("node:inspector");
      const made = new FunctionReader(new Session());
      const place = made.facts(functionReader).place;
      const text = place && made.script(place.scriptId)?.text;
      if (!text?.includes(functionReader.name)) throw new Error("the inspector does not say where a function is");
      reader = made;
    } catch (error) {
      reader = error as Error;
    }
  }
  return reader;
}

/** What V8 knows of `fn`. Takes about 100 µs. Throws an `Error` where the inspector is not to be had. */
export function factsOf(fn: object): FunctionFacts {
  const made = functionReader();
  if (made instanceof Error) throw made;
  return made.facts(fn);
}

/** The script that a place is in; undefined when V8 has dropped it. Texts are kept. */
export function scriptAt(place: FunctionPlace): ScriptText | undefined {
  const made = functionReader();
  return made instanceof Error ? undefined : made.script(place.scriptId);
}
