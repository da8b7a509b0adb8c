/**
 * Makes `src/net/wire/` from `proto/`: one TypeScript module with the types of all messages and services and the
 * descriptors that protobufjs builds its codecs from at load. Run by `npm run generate`; the output is not kept in git.
 * docs/adr/0002-protobuf-reflection.md says why it is done this way.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import protobuf from "protobufjs";

const PROTO_DIR = new URL("../proto/", import.meta.url);
const WIRE_DIR = new URL("../src/net/wire/", import.meta.url);

const root = new protobuf.Root();
for (const file of readdirSync(PROTO_DIR)
  .filter((name) => name.endsWith(".proto"))
  .sort()) {
  protobuf.parse(readFileSync(new URL(file, PROTO_DIR), "utf8"), root, { alternateCommentMode: true });
}
root.resolveAll();
const pack = root.lookup("iris.v1") as protobuf.Namespace;

const lines: string[] = [
  "// Generated from proto/ by scripts/generate-wire.ts. Do not edit.",
  'import type { MessageCodec, ServiceDefinition } from "../message.ts";',
  'import { messageCodec } from "../message.ts";',
  "",
];
const codecs: string[] = [];
const services: string[] = [];
for (const node of pack.nestedArray) emit(node);

const descriptor = JSON.stringify(root.toJSON({ keepComments: false }));
lines.push(`export const DESCRIPTOR = ${JSON.stringify(descriptor)};`, "", ...codecs, "", ...services, "");
mkdirSync(WIRE_DIR, { recursive: true });
writeFileSync(new URL("iris.ts", WIRE_DIR), lines.join("\n"));

function emit(node: protobuf.ReflectionObject): void {
  if (node instanceof protobuf.Enum) emitEnum(node);
  else if (node instanceof protobuf.Service) emitService(node);
  else if (node instanceof protobuf.Type) {
    for (const nested of node.nestedArray) emit(nested);
    if (node.fieldsArray.length > 0 || node.nestedArray.length === 0) emitMessage(node);
  }
}

function emitEnum(node: protobuf.Enum): void {
  comment("", node.comment);
  lines.push(
    `export type ${typeName(node)} = ${Object.keys(node.values)
      .map((name) => JSON.stringify(name))
      .join(" | ")};`,
    "",
  );
}

function emitMessage(node: protobuf.Type): void {
  comment("", node.comment);
  lines.push(`export interface ${typeName(node)} {`);
  for (const field of node.fieldsArray) {
    comment("  ", field.comment);
    const optional = field.partOf !== null;
    if (field.resolvedType instanceof protobuf.Type && !field.repeated && !field.map && !optional) {
      throw new Error(`${field.fullName}: a single message must be declared optional, so that its absence can be seen`);
    }
    const base = tsType(field);
    const type = field.repeated ? `${base}[]` : field.map ? `Record<string, ${base}>` : base;
    lines.push(`  ${field.name}${optional ? "?" : ""}: ${type}${optional ? " | undefined" : ""};`);
  }
  lines.push("}", "");
  const name = typeName(node);
  codecs.push(
    `export const ${name}Codec: MessageCodec<${name}> = messageCodec(DESCRIPTOR, ${JSON.stringify(node.fullName.slice(1))});`,
  );
}

function emitService(node: protobuf.Service): void {
  const interfaceLines: string[] = [];
  const methods: string[] = [];
  for (const method of node.methodsArray) {
    const key = method.name[0]?.toLowerCase() + method.name.slice(1);
    const request = typeName(must(method.resolvedRequestType));
    const response = typeName(must(method.resolvedResponseType));
    const stream = method.responseStream === true;
    interfaceLines.push(
      ...(method.comment ? [`  /** ${method.comment} */`] : []),
      `  ${key}: { request: ${request}; response: ${response}; stream: ${stream} };`,
    );
    methods.push(`  ${key}: { request: ${request}Codec, response: ${response}Codec, stream: ${stream} },`);
  }
  comment("", node.comment);
  lines.push(`export interface ${node.name}Methods {`, ...interfaceLines, "}", "");
  services.push(
    `export const ${node.name}: ServiceDefinition<${node.name}Methods> = { name: ${JSON.stringify(node.fullName.slice(1))}, methods: {`,
    ...methods,
    "} };",
  );
}

function tsType(field: protobuf.Field): string {
  if (field.resolvedType !== null) return typeName(field.resolvedType);
  switch (field.type) {
    case "string":
      return "string";
    case "bool":
      return "boolean";
    case "bytes":
      return "Uint8Array";
    default:
      return "number";
  }
}

/** `iris.v1.Task.State` becomes `TaskState`. */
function typeName(node: protobuf.ReflectionObject): string {
  return node.fullName.replace(/^\.iris\.v1\./, "").replaceAll(".", "");
}

function must<T>(value: T | null): T {
  if (value === null) throw new Error("unresolved type");
  return value;
}

function comment(indent: string, text: string | null): void {
  if (text === null) throw new Error(`a comment is missing before: ${lines.at(-1)}`);
  lines.push(`${indent}/** ${text.replaceAll("\n", " ")} */`);
}
