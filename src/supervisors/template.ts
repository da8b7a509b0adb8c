/** Children of a dynamic supervisor are made here, from its template and what `startChild` was given (pure). */
import { IrisError, toError } from "../runtime/errors.ts";
import type { ChildSpec, ChildTemplate, DynamicChild } from "./spec.ts";

/**
 * The spec of a new child and the arguments to start it with. A template that is a spec gets `args` behind its own; one
 * that is a function is called with them, and the spec that it returns starts as it is. Without an id it is called
 * `<template's id>-<number>`.
 */
export function childOf(
  template: ChildTemplate,
  { id, args = [] }: DynamicChild,
  number: number,
): { spec: ChildSpec; args: readonly unknown[] } {
  if (!Array.isArray(args)) {
    throw new IrisError("INVALID_ARGUMENT", `args of startChild are ${typeof args}: pass { id?, args?: […] }`);
  }
  if (typeof template !== "function") return { spec: { ...template, id: id ?? `${template.id}-${number}` }, args };
  const spec = called(template as (...args: readonly unknown[]) => ChildSpec, args);
  return { spec: { ...spec, id: id ?? `${spec.id}-${number}` }, args: [] };
}

/** The template's own parameters are the user's affair: `startChild` cannot know them. */
function called(template: (...args: readonly unknown[]) => ChildSpec, args: readonly unknown[]): ChildSpec {
  try {
    return template(...args);
  } catch (cause) {
    const message = `the template of a dynamic supervisor threw: ${toError(cause).message}`;
    throw new IrisError("INVALID_ARGUMENT", message, { cause });
  }
}
