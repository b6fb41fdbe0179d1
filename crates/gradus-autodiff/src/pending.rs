//! Temporary.
#![allow(missing_docs, non_camel_case_types, reason = "temporary")]
use gradus_kernels::Value; use gradus_tensor::{Kind, Result};
pub enum Scan { cumsum, cumprod }
pub enum ArgReduce { argmax, argmin }
fn no<T>() -> Result<T> { Err(Kind::Unsupported { op: "pending", what: "x".into(), place: "yet" }.into()) }
pub fn scan(_: Scan, _: &Value, _: i64) -> Result<Value> { no() }
pub fn arg_reduce(_: ArgReduce, _: &Value, _: Option<i64>, _: bool) -> Result<Value> { no() }
pub fn index_select(_: &Value, _: i64, _: &Value) -> Result<Value> { no() }
pub fn index_add(_: &Value, _: i64, _: &Value, _: usize) -> Result<Value> { no() }
pub fn gather(_: &Value, _: i64, _: &Value) -> Result<Value> { no() }
pub fn scatter_add(_: &Value, _: i64, _: &Value, _: &Value) -> Result<Value> { no() }
pub fn sort(_: &Value, _: i64, _: bool) -> Result<(Value, Value)> { no() }
pub fn topk(_: &Value, _: usize, _: i64, _: bool) -> Result<(Value, Value)> { no() }
