//! Samplers: which samples an epoch visits, and in what order.

mod distributed;
mod random;
mod sampler;
mod sequential;
mod stratified;
mod subset;
mod weighted;

pub use distributed::DistributedSampler;
pub use random::RandomSampler;
pub use sampler::Sampler;
pub use sequential::SequentialSampler;
pub use stratified::StratifiedSampler;
pub use subset::SubsetRandomSampler;
pub use weighted::WeightedRandomSampler;
