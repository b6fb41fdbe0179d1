//! The op registry: PyTorch's name of an op to the gradus call, one row an op.

mod binary;
mod conv;
mod loss;
mod matmul;
mod norm;
mod optimizer;
mod pool;
mod recurrent;
mod reduce;
mod scheduler;
mod shape;
mod training;
mod unary;

pub use optimizer::{MakeOptimizer, OPTIMIZERS};

use crate::call::Row;

/// Every table of rows.
const TABLES: &[&[Row]] = &[
    unary::PLAIN,
    unary::WITH_PARAMETERS,
    binary::PLAIN,
    binary::CHOICES,
    reduce::OVER_DIMS,
    reduce::ROWS,
    shape::ROWS,
    matmul::ROWS,
    norm::ROWS,
    conv::ROWS,
    recurrent::ROWS,
    loss::ROWS,
    optimizer::ROWS,
    pool::ROWS,
    scheduler::ROWS,
    training::ROWS,
];

/// The row of an op.
pub(crate) fn find(op: &str) -> Option<&'static Row> {
    TABLES.iter().flat_map(|table| table.iter()).find(|row| row.op == op)
}

/// Every op that the runner knows, under PyTorch's name.
pub fn known_ops() -> impl Iterator<Item = &'static str> {
    TABLES.iter().flat_map(|table| table.iter()).map(|row| row.op)
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_op_stands_twice() {
        let mut ops: Vec<_> = super::known_ops().collect();
        ops.sort_unstable();
        let before = ops.len();
        ops.dedup();
        assert_eq!(ops.len(), before);
    }
}
