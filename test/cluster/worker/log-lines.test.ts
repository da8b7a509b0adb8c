import test from "ava";
import fc from "fast-check";
import { LineCutter } from "../../../src/cluster/worker/log-lines.ts";

const bytes = (text: string) => Buffer.from(text);

function cut(chunks: readonly Uint8Array[], max?: number): string[] {
  const cutter = new LineCutter(max);
  const lines = chunks.flatMap((chunk) => cutter.push(chunk));
  const rest = cutter.flush(true);
  return rest === undefined ? lines : [...lines, rest];
}

test("lines end with LF or CRLF, empty ones count, the last needs no end", (t) => {
  t.deepEqual(cut([bytes("a\n\nb\r\nc\rd\ne")]), ["a", "", "b", "c\rd", "e"]);
  t.deepEqual(cut([bytes("a\n")]), ["a"]);
  t.deepEqual(cut([bytes("a\r"), bytes("\nb")]), ["a", "b"]);
});

test("however output is cut into chunks, the lines are the same", (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme" }).filter((line) => !/[\r\n]/.test(line))),
      fc.array(fc.nat(40)),
      (lines, cuts) => {
        const all = bytes(lines.map((line) => `${line}\n`).join(""));
        const chunks: Uint8Array[] = [];
        let from = 0;
        for (const length of cuts) {
          chunks.push(all.subarray(from, from + length));
          from += length;
        }
        chunks.push(all.subarray(from));
        t.deepEqual(cut(chunks), lines);
      },
    ),
  );
});

test("flushing at any time never splits a character, and loses nothing", (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(30), (text, at) => {
      const clean = text.replaceAll(/[\r\n]/g, "");
      const cutter = new LineCutter();
      const all = bytes(clean);
      const parts = [...cutter.push(all.subarray(0, at))];
      parts.push(cutter.flush(false) ?? "", ...cutter.push(all.subarray(at)), cutter.flush(true) ?? "");
      t.is(parts.join(""), clean);
      t.false(cutter.partial);
    }),
  );
});

test("bytes that are no UTF-8 become replacement characters, and end no line", (t) => {
  t.deepEqual(cut([Uint8Array.of(0x61, 0xff, 0xfe, 0x0a, 0xc3)]), ["a��", "�"]);
  t.deepEqual(cut([Uint8Array.of(0x00, 0x0a)]), ["\0"]);
  t.deepEqual(cut([bytes("\uFEFFa\n")]), ["\uFEFFa"]);
});

test("a line that is too long is cut, says so, and ends where it would have", (t) => {
  const lines = cut([bytes("x".repeat(150)), bytes("y".repeat(500)), bytes("z\nnext\n")], 100);
  t.is(lines.length, 2);
  t.true(lines[0]?.startsWith("xxx"));
  t.regex(lines[0] ?? "", / \[line cut: over 100 bytes\]$/);
  t.true(Buffer.byteLength(lines[0] ?? "") <= 100);
  t.is(lines[1], "next");
});

test("a line of exactly the limit is whole, and a cut never splits a character", (t) => {
  t.deepEqual(cut([bytes(`${"x".repeat(100)}\n`)], 100), ["x".repeat(100)]);
  const [line = ""] = cut([bytes("é".repeat(100))], 100);
  t.notRegex(line, /�/);
});

test("a progress bar that goes on after a cut begins a new line when it goes back to the start", (t) => {
  const lines = cut([bytes("x".repeat(200)), bytes("\r"), bytes("100 %\n")], 100);
  t.is(lines.at(-1), "100 %");
});
