import type { PDFContext, PDFRef } from "pdf-lib";
import type { Node } from "./layout.ts";

/**
 * The tree that tells a screen reader what is a heading, a paragraph, a cell of a table.
 * Pages ask it for marks while they are drawn; it is written when all of them are.
 */
export class Structure {
  readonly #marks = new Map<Node, { page: number; id: number }[]>();
  /** By page, the node of each mark: the way back from a mark to the tree. */
  readonly #owners: Node[][] = [];

  /** A new mark on this page for content that belongs to the node. */
  mark(node: Node, page: number): number {
    this.#owners[page] ??= [];
    const owners = this.#owners[page];
    const marks = this.#marks.get(node) ?? [];
    marks.push({ page, id: owners.length });
    this.#marks.set(node, marks);
    return owners.push(node) - 1;
  }

  /** Writes the tree and returns its root. */
  write(context: PDFContext, root: Node, pages: PDFRef[]): PDFRef {
    const treeRef = context.nextRef();
    const refs = new Map<Node, PDFRef>();
    const document = this.#element(context, root, treeRef, pages, refs);
    const parents = this.#owners.map((owners) => owners.map((node) => refs.get(node)!));
    context.assign(
      treeRef,
      context.obj({
        Type: "StructTreeRoot",
        K: [document],
        ParentTree: context.obj({ Nums: parents.flatMap((owners, page) => [page, owners]) }),
        ParentTreeNextKey: pages.length,
      }),
    );
    return treeRef;
  }

  #element(
    context: PDFContext,
    node: Node,
    parent: PDFRef,
    pages: PDFRef[],
    refs: Map<Node, PDFRef>,
  ): PDFRef {
    const ref = context.nextRef();
    refs.set(node, ref);
    const marks = (this.#marks.get(node) ?? []).map(({ page, id }) =>
      context.obj({ Type: "MCR", Pg: pages[page]!, MCID: id }),
    );
    const children = node.children.map((child) => this.#element(context, child, ref, pages, refs));
    const element = { Type: "StructElem", S: node.role, P: parent, K: [...marks, ...children] };
    const scope = node.scope ? { A: context.obj({ O: "Table", Scope: node.scope }) } : {};
    context.assign(ref, context.obj({ ...element, ...scope }));
    return ref;
  }
}
