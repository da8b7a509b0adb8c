import test from "ava";
import { Actor, isPublicMethod } from "../../src/runtime/index.ts";
import { methodsOf } from "../../src/runtime/methods.ts";

class Base {
  inherited() {}
}

class Sample extends Base {
  field = () => {};
  static factory() {}
  plain() {}
  async later() {}
  async *many() {
    yield 1;
  }
  get computed(): () => void {
    return () => {};
  }
  _internal() {}
  #secret() {}
  onStart() {
    this.#secret();
  }
  onStop() {}
  onRestart() {}
  then() {}
  override toString() {
    return "";
  }
}

test("only public methods of the class are callable", (t) => {
  const sample = new Sample();
  for (const name of ["plain", "later", "many", "inherited"]) t.true(isPublicMethod(sample, name), name);
  const refused = [
    "constructor",
    "onStart",
    "onStop",
    "onRestart",
    "_internal",
    "#secret",
    "toString",
    "hasOwnProperty",
    "__proto__",
    "computed",
    "field",
    "factory",
    "then",
    "nothing",
    "",
  ];
  for (const name of refused) t.false(isPublicMethod(sample, name), name);
});

test("the base class itself has no callable method", (t) => {
  class Empty extends Actor {}
  t.deepEqual([...methodsOf(new Empty()).keys()], []);
});

test("an object literal offers its functions, without accessors and hooks", (t) => {
  const literal = {
    add: (a: number, b: number) => a + b,
    get computed() {
      return () => 1;
    },
    onStart() {},
    value: 1,
  };
  t.deepEqual([...methodsOf(literal).keys()], ["add"]);
});

test("a method that streams is known from the class", (t) => {
  const methods = methodsOf(new Sample());
  t.is(methods.get("many"), "stream");
  t.is(methods.get("later"), "single");
});
