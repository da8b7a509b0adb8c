/**
 * Which shapes one end of a session has taught the other, and which it has learned from it. Nothing here relies on
 * messages arriving: a shape is taught again with each message until the other end has said that it knows it, and it is
 * said again whenever it is taught. Numbers are given once and never change their meaning.
 */
import { VALUE_LIMITS } from "./format.ts";
import type { ReadShape } from "./read-shapes.ts";
import { malformed } from "./reader.ts";
import type { WrittenShape } from "./written-shapes.ts";

/** A shape that has a number in the session. */
export interface TaughtPlace {
  readonly number: number;
  /** The other end knows it. */
  isLearned: boolean;
}

/** A shape that was taught to fewer messages is not worth a number: it may never come again. */
const LESSONS_MIN = 4;

export class TaughtShapes {
  readonly #places = new Map<WrittenShape, TaughtPlace>();
  readonly #byNumber: TaughtPlace[] = [];
  readonly #learned: (ReadShape | undefined)[] = [];
  #toConfirm: number[] = [];

  /** The place of a shape, which it gets if it is worth one; undefined while it has none. */
  place(shape: WrittenShape): TaughtPlace | undefined {
    const place = this.#places.get(shape);
    if (place !== undefined) return place;
    if (shape.lessons < LESSONS_MIN || this.#byNumber.length === VALUE_LIMITS.shapesLearned) return undefined;
    const given = { number: this.#byNumber.length, isLearned: false };
    this.#byNumber.push(given);
    this.#places.set(shape, given);
    return given;
  }

  /** The other end knows the shape of this number. Throws `PROTOCOL_ERROR` for a number that was never given. */
  confirmed(number: number): void {
    const place = this.#byNumber[number];
    if (place === undefined) throw malformed(`shape ${number} is said to be learned and was not taught`);
    place.isLearned = true;
  }

  /** Throws `PROTOCOL_ERROR` for a number beyond the limit, or one that means something else already. */
  learn(number: number, shape: ReadShape): void {
    if (number >= VALUE_LIMITS.shapesLearned) {
      throw malformed(`shape ${number} of ${VALUE_LIMITS.shapesLearned} that a session learns`);
    }
    const known = this.#learned[number];
    if (known !== undefined && Buffer.compare(known.block, shape.block) !== 0) {
      throw malformed(`shape ${number} was another one before`);
    }
    while (this.#learned.length < number) this.#learned.push(undefined);
    this.#learned[number] = known ?? shape;
    if (!this.#toConfirm.includes(number)) this.#toConfirm.push(number);
  }

  /** Throws `PROTOCOL_ERROR` for what was not learned. */
  learned(number: number): ReadShape {
    const shape = this.#learned[number];
    if (shape === undefined) throw malformed(`shape ${number} was not learned`);
    return shape;
  }

  /** Numbers that the other end is to be told of with the next message. */
  toConfirm(): readonly number[] {
    return this.#toConfirm;
  }

  /** A message has told it. */
  toldConfirmed(): void {
    if (this.#toConfirm.length > 0) this.#toConfirm = [];
  }
}
