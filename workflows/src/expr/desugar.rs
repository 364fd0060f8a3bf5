//! Rewrites an expression so that each of its operators becomes a call of one of our functions.
//!
//! The meaning stays the same. A chain of operators becomes one call with many operands, so that it
//! nests no deeper than what was written.

use minijinja::machinery::ast::{BinOpKind, CallArg, CompareOpKind, Expr, UnaryOpKind};
use minijinja::machinery::parse_expr;
use minijinja::value::ValueKind;
use minijinja::{Error, Value as Dynamic};

use super::operators::{COMPARE, COMPUTE, PLAIN_FORM, SLICE};

/// Rewrites an expression.
///
/// # Errors
/// Fails if the expression does not parse.
pub(super) fn desugar(source: &str) -> Result<String, Error> {
    let mut text = String::with_capacity(source.len() * 2);
    write(&parse_expr(source)?, &mut text);
    Ok(text)
}

fn write(expr: &Expr<'_>, out: &mut String) {
    match expr {
        Expr::Var(var) => out.push_str(var.id),
        Expr::Const(constant) => literal(&constant.value, out),
        Expr::UnaryOp(unary) => {
            out.push('(');
            match unary.op {
                UnaryOpKind::Not => {
                    out.push_str("not (");
                    write(&unary.expr, out);
                    out.push(')');
                }
                UnaryOpKind::Neg => {
                    out.push_str("-(");
                    plain(&unary.expr, out);
                    out.push(')');
                }
            }
            out.push(')');
        }
        Expr::BinOp(_) => operation(expr, out),
        Expr::Compare(compare) => {
            let signs: Vec<&str> = compare.ops.iter().map(|op| comparison(&op.op)).collect();
            let mut operands = vec![&compare.expr];
            operands.extend(compare.ops.iter().map(|op| &op.expr));
            call(COMPARE, &signs, &operands, out);
        }
        Expr::IfExpr(choice) => {
            out.push('(');
            write(&choice.true_expr, out);
            out.push_str(" if ");
            write(&choice.test_expr, out);
            if let Some(other) = &choice.false_expr {
                out.push_str(" else ");
                write(other, out);
            }
            out.push(')');
        }
        Expr::Test(test) => {
            out.push('(');
            write(&test.expr, out);
            out.push_str(" is ");
            out.push_str(test.name);
            arguments(&test.args, out);
            out.push(')');
        }
        Expr::List(list) => {
            out.push('[');
            separated(&list.items, out);
            out.push(']');
        }
        Expr::Map(map) => {
            out.push('{');
            for (key, value) in map.keys.iter().zip(&map.values) {
                write(key, out);
                out.push(':');
                write(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Expr::Filter(_) | Expr::GetAttr(_) | Expr::GetItem(_) | Expr::Slice(_) | Expr::Call(_) => {
            postfix(expr, out)
        }
    }
}

/// Writes a value and what follows it: a filter, a member, an index, a slice or a call.
fn postfix(expr: &Expr<'_>, out: &mut String) {
    match expr {
        Expr::Filter(filter) => {
            if let Some(inner) = &filter.expr {
                write(inner, out);
            }
            out.push('|');
            out.push_str(filter.name);
            arguments(&filter.args, out);
        }
        Expr::GetAttr(member) => {
            base(&member.expr, out);
            out.push('.');
            out.push_str(member.name);
        }
        Expr::GetItem(member) => {
            base(&member.expr, out);
            out.push('[');
            plain(&member.subscript_expr, out);
            out.push(']');
        }
        Expr::Slice(slice) => {
            out.push_str(SLICE);
            out.push('(');
            write(&slice.expr, out);
            for bound in [&slice.start, &slice.stop, &slice.step] {
                out.push_str(", ");
                match bound {
                    Some(bound) => write(bound, out),
                    None => out.push_str("none"),
                }
            }
            out.push(')');
        }
        Expr::Call(called) => {
            base(&called.expr, out);
            list_of(&called.args, out);
        }
        other => write(other, out),
    }
}

/// Writes a value that the engine's own code takes as a number, such as an index. Numbers that
/// print as they were written get their plain form.
fn plain(expr: &Expr<'_>, out: &mut String) {
    match expr {
        Expr::Const(_) => {
            out.push('(');
            write(expr, out);
        }
        _ => {
            out.push_str(PLAIN_FORM);
            out.push('(');
            write(expr, out);
        }
    }
    out.push(')');
}

/// Writes the value before a member, index or call. It is in parentheses where they matter.
fn base(expr: &Expr<'_>, out: &mut String) {
    match expr {
        Expr::Filter(_) | Expr::Const(_) => {
            out.push('(');
            write(expr, out);
            out.push(')');
        }
        other => write(other, out),
    }
}

/// Writes a chain of operators. Its left side is walked without recursion.
fn operation(expr: &Expr<'_>, out: &mut String) {
    let mut signs = Vec::new();
    let mut operands = Vec::new();
    let mut left = expr;
    let word = |op: &BinOpKind| match op {
        BinOpKind::ScAnd => Some(" and "),
        BinOpKind::ScOr => Some(" or "),
        _ => None,
    };
    let chained = match expr {
        Expr::BinOp(binary) => word(&binary.op),
        _ => None,
    };
    while let Expr::BinOp(binary) = left
        && word(&binary.op) == chained
    {
        signs.push(sign(&binary.op));
        operands.push(&binary.right);
        left = &binary.left;
    }
    operands.push(left);
    signs.reverse();
    operands.reverse();
    match chained {
        None => call(COMPUTE, &signs, &operands, out),
        Some(word) => {
            out.push('(');
            for (place, operand) in operands.into_iter().enumerate() {
                if place > 0 {
                    out.push_str(word);
                }
                write(operand, out);
            }
            out.push(')');
        }
    }
}

fn call(function: &str, signs: &[&str], operands: &[&Expr<'_>], out: &mut String) {
    out.push_str(function);
    out.push_str("(\"");
    out.push_str(&signs.join(","));
    out.push('"');
    for operand in operands {
        out.push_str(", ");
        write(operand, out);
    }
    out.push(')');
}

fn arguments(args: &[CallArg<'_>], out: &mut String) {
    if !args.is_empty() {
        list_of(args, out);
    }
}

fn list_of(args: &[CallArg<'_>], out: &mut String) {
    out.push('(');
    for (place, arg) in args.iter().enumerate() {
        if place > 0 {
            out.push_str(", ");
        }
        match arg {
            CallArg::Pos(value) => write(value, out),
            CallArg::Kwarg(name, value) => {
                out.push_str(name);
                out.push('=');
                write(value, out);
            }
            CallArg::PosSplat(value) => {
                out.push('*');
                write(value, out);
            }
            CallArg::KwargSplat(value) => {
                out.push_str("**");
                write(value, out);
            }
        }
    }
    out.push(')');
}

fn separated(items: &[Expr<'_>], out: &mut String) {
    for item in items {
        write(item, out);
        out.push(',');
    }
}

/// Writes a constant in the form that the engine parses.
fn literal(value: &Dynamic, out: &mut String) {
    match value.kind() {
        ValueKind::String => {
            let text = serde_json::Value::from(value.as_str().unwrap_or_default());
            out.push_str(&text.to_string());
        }
        ValueKind::Number if !value.is_integer() => match f64::try_from(value.clone()) {
            Ok(number) => out.push_str(&format!("{number:?}")),
            Err(_) => out.push_str(&value.to_string()),
        },
        _ => out.push_str(&value.to_string()),
    }
}

const fn comparison(op: &CompareOpKind) -> &'static str {
    match op {
        CompareOpKind::Eq => "==",
        CompareOpKind::Ne => "!=",
        CompareOpKind::Lt => "<",
        CompareOpKind::Lte => "<=",
        CompareOpKind::Gt => ">",
        CompareOpKind::Gte => ">=",
        CompareOpKind::In => "in",
        CompareOpKind::NotIn => "not in",
    }
}

const fn sign(op: &BinOpKind) -> &'static str {
    match op {
        BinOpKind::Eq => "==",
        BinOpKind::Ne => "!=",
        BinOpKind::Lt => "<",
        BinOpKind::Lte => "<=",
        BinOpKind::Gt => ">",
        BinOpKind::Gte => ">=",
        BinOpKind::ScAnd => "and",
        BinOpKind::ScOr => "or",
        BinOpKind::Add => "+",
        BinOpKind::Sub => "-",
        BinOpKind::Mul => "*",
        BinOpKind::Div => "/",
        BinOpKind::FloorDiv => "//",
        BinOpKind::Rem => "%",
        BinOpKind::Pow => "**",
        BinOpKind::Concat => "~",
        BinOpKind::In => "in",
    }
}
