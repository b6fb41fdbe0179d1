//! Bind groups, made once per layout and set of buffers, then found again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::buffer::Slot;
use super::engine::Gpu;
use super::stats::Counters;
use crate::error::{Kind, Result};

/// Most bind groups kept. A training step names tens to hundreds.
const CAPACITY: usize = 4096;

/// How a kernel uses a storage binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// `var<storage, read>`
    Read,
    /// `var<storage, read_write>`
    ReadWrite,
}

/// The layout of bind group 0: storage buffers numbered from 0. One per access pattern.
#[derive(Debug)]
pub struct BindLayout {
    raw: wgpu::BindGroupLayout,
    access: Vec<Access>,
    id: u64,
}

impl BindLayout {
    /// The driver's layout.
    pub fn raw(&self) -> &wgpu::BindGroupLayout {
        &self.raw
    }

    /// How each binding is used.
    pub fn access(&self) -> &[Access] {
        &self.access
    }
}

/// The layout's id, then the buffers' ids.
type Key = SmallVec<[u64; 12]>;

struct Entry {
    key: Key,
    group: wgpu::BindGroup,
    /// Used since the clock's hand last passed.
    hot: bool,
}

/// Bind groups under a bound, replaced by the clock rule.
#[derive(Default)]
pub(crate) struct GroupCache {
    layouts: HashMap<Vec<Access>, Arc<BindLayout>>,
    places: HashMap<Key, usize>,
    entries: Vec<Entry>,
    hand: usize,
}

impl GroupCache {
    fn find(&mut self, key: &Key) -> Option<wgpu::BindGroup> {
        let entry = &mut self.entries[*self.places.get(key)?];
        entry.hot = true;
        Some(entry.group.clone())
    }

    fn insert(&mut self, key: Key, group: wgpu::BindGroup) {
        let entry = Entry { key: key.clone(), group, hot: true };
        if self.entries.len() < CAPACITY {
            self.places.insert(key, self.entries.len());
            self.entries.push(entry);
            return;
        }
        while self.entries[self.hand].hot {
            self.entries[self.hand].hot = false;
            self.hand = (self.hand + 1) % CAPACITY;
        }
        self.places.remove(&self.entries[self.hand].key);
        self.places.insert(key, self.hand);
        self.entries[self.hand] = entry;
        self.hand = (self.hand + 1) % CAPACITY;
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Removes and returns the groups that name one of these buffers.
    pub(crate) fn forget(&mut self, buffers: &[u64]) -> Vec<wgpu::BindGroup> {
        let gone: HashSet<u64> = buffers.iter().copied().collect();
        let dead = |entry: &Entry| entry.key[1..].iter().any(|id| gone.contains(id));
        let (out, kept) = std::mem::take(&mut self.entries).into_iter().partition(dead);
        self.entries = kept;
        self.hand = 0;
        if !out.is_empty() {
            let keys = self.entries.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at));
            self.places = keys.collect();
        }
        out.into_iter().map(|entry| entry.group).collect()
    }
}

impl Gpu {
    /// The layout of storage bindings with this access, shared by all kernels.
    pub fn bind_layout(&self, access: &[Access]) -> Arc<BindLayout> {
        let mut cache = self.groups.lock();
        if let Some(layout) = cache.layouts.get(access) {
            return layout.clone();
        }
        let entry = |(binding, access): (usize, &Access)| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: *access == Access::Read },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let entries: Vec<_> = access.iter().enumerate().map(entry).collect();
        let descriptor = wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries };
        let layout = Arc::new(BindLayout {
            raw: self.device().create_bind_group_layout(&descriptor),
            access: access.to_vec(),
            id: cache.layouts.len() as u64,
        });
        cache.layouts.insert(access.to_vec(), layout.clone());
        layout
    }

    /// The bind group of these whole buffers, from the cache when it was made before.
    ///
    /// # Errors
    /// `Kind::Device` when the count does not fit the layout or a written buffer is bound twice;
    /// the fault of an earlier call.
    pub fn bind_group(&self, layout: &BindLayout, buffers: &[&Slot]) -> Result<wgpu::BindGroup> {
        let mut key = Key::new();
        key.push(layout.id);
        key.extend(buffers.iter().map(|buffer| buffer.id()));
        if let Some(group) = self.groups.lock().find(&key) {
            return Ok(group);
        }
        self.fault.check()?;
        check_bindings(&layout.access, &buffers.iter().copied())?;
        let mut entries = SmallVec::<[wgpu::BindGroupEntry<'_>; 12]>::new();
        for (binding, buffer) in buffers.iter().enumerate() {
            let resource = buffer.raw().as_entire_binding();
            entries.push(wgpu::BindGroupEntry { binding: binding as u32, resource });
        }
        let group = self.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &layout.raw,
            entries: &entries,
        });
        Counters::add(&self.counters.bind_groups, 1);
        self.groups.lock().insert(key, group.clone());
        Ok(group)
    }
}

/// Whether a kernel with these bindings can run on these buffers: what the driver would refuse
/// poisons the GPU.
///
/// # Errors
/// `Kind::Device` when the count does not fit or a written buffer is bound twice.
pub fn check_bindings<'a>(
    access: &[Access],
    buffers: &(impl ExactSizeIterator<Item = &'a Slot> + Clone),
) -> Result<()> {
    if access.len() != buffers.len() {
        let message = format!("{} buffers for {} bindings", buffers.len(), access.len());
        return Err(Kind::Device { op: "launch", message }.into());
    }
    for (at, buffer) in buffers.clone().enumerate() {
        let twin = buffers.clone().take(at).position(|other| other.id() == buffer.id());
        let writes = |at: usize| access[at] == Access::ReadWrite;
        if let Some(twin) = twin.filter(|&twin| writes(twin) || writes(at)) {
            let message = format!("a written buffer is bound twice, at {twin} and {at}");
            return Err(Kind::Device { op: "launch", message }.into());
        }
    }
    Ok(())
}
