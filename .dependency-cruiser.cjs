/**
 * Who may import whom: the table of docs/adr/0001-layout.md, held by `npm run lint`. A library that belongs to one part may
 * be imported there alone, so that nothing else comes to depend on it.
 */
const OUR = "^src/";

/** `folder` may import only itself and `allowed` of ours. */
const only = (name, folder, allowed) => ({
  name,
  severity: "error",
  from: { path: folder },
  to: { path: OUR, pathNot: [folder, ...allowed] },
});

/** `library` may be imported from `folder` alone. */
const alone = (library, folder) => ({
  name: `${library.replaceAll(/[^a-z0-9]/g, "-")}-alone`,
  severity: "error",
  from: { path: OUR, pathNot: folder },
  to: { path: `(^|/)node_modules/${library}/|^${library}$` },
});

module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-development-dependency",
      severity: "error",
      from: { path: OUR },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg"], dependencyTypesNot: ["type-only", "npm"] },
    },
    only("runtime", "^src/runtime/", []),
    only("supervisors", "^src/supervisors/", ["^src/runtime/"]),
    only("net", "^src/net/", ["^src/runtime/"]),
    only("job", "^src/cluster/job/", ["^src/runtime/", "^src/net/wire/"]),
    ...["controller", "worker", "client"].map((part) =>
      only(part, `^src/cluster/${part}/`, ["^src/runtime/", "^src/supervisors/", "^src/net/", "^src/cluster/job/"]),
    ),
    only("pool", "^src/pool/", [
      "^src/runtime/",
      "^src/supervisors/",
      "^src/net/",
      "^src/cluster/client/",
      "^src/cluster/job/",
    ]),
    {
      name: "nobody-imports-the-command-line",
      severity: "error",
      from: { path: OUR, pathNot: "^src/cli/" },
      to: { path: "^src/cli/" },
    },
    alone("ws", "^src/net/"),
    alone("protobufjs", "^src/net/"),
    alone("acorn", "^src/net/"),
    alone("node:sqlite", "^src/cluster/controller/journal"),
    alone("sqlite", "^src/cluster/controller/journal"),
    alone("piscina", "^src/pool/"),
    alone("commander", "^src/cli/"),
    alone("dockerode", "^src/cluster/worker/runtime/docker/"),
    alone("pino", "^src/(cli/|cluster/local)"),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js"],
      conditionNames: ["import", "node", "default"],
      exportsFields: ["exports"],
    },
    builtInModules: { add: ["node:sqlite"] },
  },
};
