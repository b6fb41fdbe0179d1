// The matrix b of a convolution, whose elements are elements of an array with up to three spatial
// dimensions, or zero.
//
// A column of b and a term (a row of b) are numbers with four digits: the last three belong to the
// spatial dimensions, the first counts channels or images. Where in the array an element lies is
// the sum of what the column and the term say about each dimension; outside of the array it is
// zero. In the gradient by x of a convolution with strides, the sum must be a multiple of the
// stride (STRIDED): a product with the inverse of the stride's odd part modulo 2^32, rotated by
// its power of two, is the quotient if there is one, and else larger than any size.

// One column and one term, or four neighbouring columns, or four neighbouring terms.
// @hole kinds
alias ColumnInt = vec4<u32>;
alias TermInt = u32;
alias Int = vec4<u32>;
alias Bool = vec4<bool>;
// @end

// Spatial dimensions that are not of size 1.
const DIMS: u32 = 3u; // @tune
const STRIDED: u32 = 1u; // @tune

struct Walk {
    // Of the array.
    size: vec3<u32>,
    // How many values the last three digits have.
    columns: vec3<u32>,
    terms: vec3<u32>,
    // Place of the first column, and places from one value of a digit to the next.
    start: vec3<u32>,
    column_step: vec3<u32>,
    term_step: vec3<u32>,
    // Elements from one value of the first digit to the next.
    column_top: u32,
    term_top: u32,
    inverse: vec3<u32>,
    shift: vec3<u32>,
    // Terms of a lie side by side but for the first digit, before whose every next value there
    // are `a_skip` more elements: `a_run` terms, then a gap.
    a_run: u32,
    a_skip: u32,
    // Where columns lie in the result, if it has others between them: the first, and elements
    // from one value of a digit to the next.
    out_first: u32,
    out_top: u32,
    out_step: vec3<u32>,
}

// Columns: their first elements and their places.
struct Columns {
    at: ColumnInt,
    z: ColumnInt,
    y: ColumnInt,
    x: ColumnInt,
}

// Terms: their numbers and digits.
struct Terms {
    k: TermInt,
    top: TermInt,
    z: TermInt,
    y: TermInt,
    x: TermInt,
}

// Elements, and whether they are inside the array.
struct Places {
    at: Int,
    inside: Bool,
}

// A division is long, so remainders are computed from quotients.
fn columns_at(w: Walk, first: u32, column: ColumnInt) -> Columns {
    var c: Columns;
    var rest = column / w.columns.z;
    c.x = w.start.z + (column - rest * w.columns.z) * w.column_step.z;
    if (DIMS > 1u) {
        let next = rest / w.columns.y;
        c.y = w.start.y + (rest - next * w.columns.y) * w.column_step.y;
        rest = next;
    }
    if (DIMS > 2u) {
        let next = rest / w.columns.x;
        c.z = w.start.x + (rest - next * w.columns.x) * w.column_step.x;
        rest = next;
    }
    c.at = first + rest * w.column_top;
    return c;
}

fn terms_at(w: Walk, k: TermInt) -> Terms {
    var t: Terms;
    t.k = k;
    var rest = k / w.terms.z;
    t.x = k - rest * w.terms.z;
    if (DIMS > 1u) {
        let next = rest / w.terms.y;
        t.y = rest - next * w.terms.y;
        rest = next;
    }
    if (DIMS > 2u) {
        let next = rest / w.terms.x;
        t.z = rest - next * w.terms.x;
        rest = next;
    }
    t.top = rest;
    return t;
}

// Where a column lies in a row of the result.
fn scattered(w: Walk, col: u32) -> u32 {
    var rest = col / w.columns.z;
    var at = w.out_first + (col - rest * w.columns.z) * w.out_step.z;
    if (DIMS > 1u) {
        let next = rest / w.columns.y;
        at = at + (rest - next * w.columns.y) * w.out_step.y;
        rest = next;
    }
    if (DIMS > 2u) {
        let next = rest / w.columns.x;
        at = at + (rest - next * w.columns.x) * w.out_step.x;
        rest = next;
    }
    return at + rest * w.out_top;
}

// The terms that come `step` later: digit by digit, without a division.
fn terms_after(w: Walk, t: Terms, step: Terms) -> Terms {
    let none = TermInt(0u);
    let one = TermInt(1u);
    var next: Terms;
    next.k = t.k + step.k;
    var x = t.x + step.x;
    let x_over = x >= TermInt(w.terms.z);
    next.x = x - select(none, TermInt(w.terms.z), x_over);
    var carry = select(none, one, x_over);
    if (DIMS > 1u) {
        let y = t.y + step.y + carry;
        let y_over = y >= TermInt(w.terms.y);
        next.y = y - select(none, TermInt(w.terms.y), y_over);
        carry = select(none, one, y_over);
    }
    if (DIMS > 2u) {
        let z = t.z + step.z + carry;
        let z_over = z >= TermInt(w.terms.x);
        next.z = z - select(none, TermInt(w.terms.x), z_over);
        carry = select(none, one, z_over);
    }
    next.top = t.top + step.top + carry;
    return next;
}

// The place that a column and a term come to.
fn place(sum: Int, inverse: u32, shift: u32) -> Int {
    if (STRIDED == 0u) {
        return sum;
    }
    let product = sum * inverse;
    return (product >> Int(shift)) | (product << Int((32u - shift) & 31u));
}

// The line of the array along its last dimension that a column and a term come to: its first
// element, which is not one of the array where `inside` is false.
fn line_of(w: Walk, c: Columns, t: Terms) -> Places {
    var line = Places(c.at + t.top * w.term_top, Bool(true));
    if (DIMS > 1u) {
        let y = place(c.y + t.y * w.term_step.y, w.inverse.y, w.shift.y);
        line.at = line.at + y * w.size.z;
        line.inside = y < Int(w.size.y);
    }
    if (DIMS > 2u) {
        let z = place(c.z + t.z * w.term_step.x, w.inverse.x, w.shift.x);
        line.at = line.at + z * (w.size.y * w.size.z);
        line.inside = line.inside & (z < Int(w.size.x));
    }
    return line;
}

// The same element of it.
fn places_of(w: Walk, c: Columns, t: Terms) -> Places {
    let x = place(c.x + t.x * w.term_step.z, w.inverse.z, w.shift.z);
    let line = line_of(w, c, t);
    return Places(line.at + x, line.inside & (x < Int(w.size.z)));
}
