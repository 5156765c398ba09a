/** Finds the parts of a query that give the same result at every step, so that they are evaluated once. */
import { childrenOf } from '../parse/ast.ts';
import type { Expr } from '../parse/ast.ts';
import { isTimeDependent } from './functions/signatures.ts';

/** All expressions in `root` that do not depend on the evaluation time. */
export function findInvariants(root: Expr): ReadonlySet<Expr> {
  const found = new Set<Expr>();
  visit(root, found);
  return found;
}

function visit(expr: Expr, found: Set<Expr>): boolean {
  let areChildrenInvariant = true;
  for (const child of childrenOf(expr)) {
    if (!visit(child, found)) areChildrenInvariant = false;
  }
  const isInvariant = judge(expr, areChildrenInvariant);
  if (isInvariant) found.add(expr);
  return isInvariant;
}

function judge(expr: Expr, areChildrenInvariant: boolean): boolean {
  switch (expr.kind) {
    case 'selector':
    case 'subquery':
      return expr.at !== undefined;
    case 'call':
      return areChildrenInvariant && !isTimeDependent(expr.name);
    case 'number':
    case 'string':
    case 'range':
    case 'aggregate':
    case 'unary':
    case 'paren':
    case 'binary':
      return areChildrenInvariant;
  }
}
