import { strict as assert } from "node:assert";
import * as ast from "typescript/unstable/ast";
import { createVirtualFileSystem } from "typescript/unstable/fs";
import { API } from "typescript/unstable/sync";

/** One small change of a program. */
export interface Mutant {
  /** The statement or line that is changed, on one line, and what it becomes. */
  readonly code: string;
  readonly becomes: string;
  /** The whole file with the change. */
  readonly text: string;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** What each operator is taken for; several where a bound can be missed on either side. */
const operators: Readonly<Record<string, readonly string[]>> = {
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"],
  "%": ["*"],
  "**": ["*"],
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "===": ["!=="],
  "!==": ["==="],
  "&&": ["||"],
  "||": ["&&"],
  "??": ["&&"],
  "&": ["|"],
  "|": ["&"],
  "|=": ["&=", "="],
  "+=": ["-="],
  "-=": ["+="],
};
const calls: Readonly<Record<string, string>> = {
  "Math.min": "Math.max",
  "Math.max": "Math.min",
  "Math.abs": "",
  "Number.isFinite": "!Number.isFinite",
  "Number.isInteger": "!Number.isInteger",
};
const methods: Readonly<Record<string, string>> = { every: "some", some: "every" };

/** Every mutant of a JavaScript `text`, in the order of the places where they differ from it. */
export function mutantsOf(text: string): Mutant[] {
  const files = { "/tsconfig.json": tsconfig, "/program.js": text };
  const api = new API({ cwd: "/", fs: createVirtualFileSystem(files) });
  try {
    const [project] = api.updateSnapshot({ openProject: "/tsconfig.json" }).getProjects();
    const source = project.program.getSourceFile("/program.js");
    assert.ok(source !== undefined, "the program cannot be read");
    const edits: Edit[] = [];
    const visit = (node: ast.Node): void => {
      if (ast.isImportDeclaration(node) || ast.isExportDeclaration(node)) return;
      edits.push(...editsOf(node, source));
      node.forEachChild(visit);
    };
    visit(source);
    return edits.map((edit) => mutantOf(text, edit));
  } finally {
    api.close();
  }
}

const tsconfig = JSON.stringify({
  compilerOptions: { allowJs: true, noLib: true, noEmit: true, types: [], module: "nodenext" },
  files: ["/program.js"],
});

function editsOf(node: ast.Node, source: ast.SourceFile): Edit[] {
  const place = (of: ast.Node): { start: number; end: number } => {
    return { start: of.getStart(source), end: of.end };
  };
  const instead = (of: ast.Node, text: string): Edit => ({ ...place(of), text });
  const textOf = (of: ast.Node): string => of.getText(source);
  const decided = (condition: ast.Node): Edit[] => {
    return [instead(condition, "true"), instead(condition, "false")];
  };
  if (ast.isBinaryExpression(node)) {
    const others = operators[textOf(node.operatorToken)] ?? [];
    return others.map((other) => instead(node.operatorToken, other));
  }
  if (ast.isPrefixUnaryExpression(node)) {
    const other = /^\+\+|^--/.test(textOf(node)) ? flip(textOf(node)) : textOf(node.operand);
    return [instead(node, other)];
  }
  if (ast.isPostfixUnaryExpression(node)) return [instead(node, flip(textOf(node)))];
  if (ast.isConditionalExpression(node)) return decided(node.condition);
  if (ast.isIfStatement(node)) return decided(node.expression);
  if (ast.isForStatement(node) && node.condition !== undefined) {
    return [instead(node.condition, "false")];
  }
  if (ast.isNumericLiteral(node)) return [instead(node, `(${textOf(node)} + 1)`)];
  if (node.kind === ast.SyntaxKind.TrueKeyword) return [instead(node, "false")];
  if (node.kind === ast.SyntaxKind.FalseKeyword) return [instead(node, "true")];
  if (ast.isReturnStatement(node) && node.expression !== undefined) {
    // Nobody asks whether it is false or undefined.
    const isFalse = node.expression.kind === ast.SyntaxKind.FalseKeyword;
    return isFalse ? [] : [instead(node, "return undefined;")];
  }
  if (ast.isExpressionStatement(node)) return [instead(node, ";")];
  if (ast.isCallExpression(node)) {
    const callee = textOf(node.expression);
    if (callee in calls) return [instead(node.expression, calls[callee])];
    const { expression } = node;
    if (!ast.isPropertyAccessExpression(expression)) return [];
    const other = methods[textOf(expression.name)];
    return other === undefined ? [] : [instead(expression.name, other)];
  }
  return [];
}

function flip(text: string): string {
  return text.replace(/\+\+|--/, (sign) => (sign === "++" ? "--" : "++"));
}

function mutantOf(text: string, { start, end, text: instead }: Edit): Mutant {
  const from = text.lastIndexOf("\n", start) + 1;
  const to = text.indexOf("\n", end);
  const oneLine = (lines: string): string => lines.trim().replaceAll(/\s+/g, " ");
  const changed = text.slice(from, start) + instead + text.slice(end, to);
  return {
    code: oneLine(text.slice(from, to)),
    becomes: oneLine(changed),
    text: text.slice(0, start) + instead + text.slice(end),
  };
}
