/** Lists come in pages, each with a cursor to the next; this is the walk over them. */

/** The items of all pages, each page asked for when it is needed. A page without a cursor is the last. */
export async function* pages<Item>(
  page: (cursor: string) => Promise<{ items: readonly Item[]; cursor: string }>,
): AsyncGenerator<Item, void, undefined> {
  let cursor = "";
  do {
    const next = await page(cursor);
    yield* next.items;
    cursor = next.cursor;
  } while (cursor !== "");
}
