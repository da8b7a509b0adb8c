/** Endpoints as clients see them (pure). */
import type { Endpoint } from "../../net/wire/iris.ts";
import { type EndpointRow, endpointKey, type View } from "./state.ts";

export function endpointOf(row: EndpointRow): Endpoint {
  return {
    endpointId: row.id,
    name: row.name,
    namespace: row.namespace,
    address: row.address,
    metadata: { ...row.metadata },
    token: row.token,
    taskId: row.taskId,
  };
}

/** Who serves a name, oldest first. */
export function endpointsByName(view: View, namespace: string, name: string): Endpoint[] {
  return view.endpoints.by("name", endpointKey(namespace, name)).sort(byNameThenAge).map(endpointOf);
}

/** Endpoints of a namespace whose names begin with `prefix`, by name, then by age. */
export function endpointsByPrefix(view: View, namespace: string, prefix: string): Endpoint[] {
  return view.endpoints
    .by("namespace", namespace)
    .filter((row) => row.name.startsWith(prefix))
    .sort(byNameThenAge)
    .map(endpointOf);
}

function byNameThenAge(a: EndpointRow, b: EndpointRow): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : a.sequence - b.sequence;
}
