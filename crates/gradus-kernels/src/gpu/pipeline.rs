//! Kernels before and after they are compiled; both live as long as their GPU.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gradus_tensor::gpu::{Access, BindLayout, Gpu, ParamsMode};
use gradus_tensor::{Kind, Result};
use parking_lot::Mutex;
use smallvec::SmallVec;

use super::compose::{compose, with_own_params, workgroup};
use super::join;
use super::launch::Kernel;
use super::schedule::Schedule;
use super::shaders::{Shader, shader};

/// What tells two kernels apart: all of it, not a hash of it.
type Key = SmallVec<[u8; 256]>;
/// The sources of kernels that run as one, by their numbers.
type Parts = SmallVec<[u32; 8]>;

/// A kernel before it is compiled, with its text in the uniform form.
pub(super) struct Source {
    /// Unique among the sources of its GPU.
    pub(super) id: u32,
    pub(super) name: &'static str,
    pub(super) text: String,
    pub(super) access: SmallVec<[Access; 12]>,
    pub(super) workgroup: [u32; 3],
    /// Words of its parameter block.
    pub(super) words: usize,
    /// Whether its invocations work alone, so that a workgroup may have another size.
    pub(super) alone: bool,
}

/// A kernel ready to run.
pub(super) struct Compiled {
    pub(super) name: String,
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: Arc<BindLayout>,
}

/// The kernels of one GPU, and the launches that wait for others.
#[derive(Default)]
pub(super) struct Pipelines {
    sources: Mutex<HashMap<Key, Arc<Source>>>,
    /// `None`: they cannot be one kernel.
    compiled: Mutex<HashMap<Parts, Option<Arc<Compiled>>>>,
    next: AtomicU32,
    pub(super) held: Mutex<Schedule>,
}

impl Pipelines {
    /// Those of a GPU.
    pub(super) fn of(gpu: &Gpu) -> Result<&Pipelines> {
        gpu.extension(|| {
            gpu.on_release(super::launch::release);
            Pipelines::default()
        })
    }

    /// A kernel's text and facts, made on first use, for a parameter block of `words` words.
    pub(super) fn source(
        &self,
        gpu: &Gpu,
        kernel: &Kernel<'_>,
        words: usize,
    ) -> Result<Arc<Source>> {
        let key = key(kernel, words);
        if let Some(found) = self.sources.lock().get(&key) {
            return Ok(found.clone());
        }
        let mut made = source(gpu, kernel, words)
            .map_err(|message| Kind::Shader { kernel: kernel.name().to_owned(), message })?;
        made.id = self.next.fetch_add(1, Ordering::Relaxed);
        Ok(self.sources.lock().entry(key).or_insert_with(|| Arc::new(made)).clone())
    }

    /// A kernel, compiled on first use.
    ///
    /// # Errors
    /// `Kind::Shader` when it does not compile; the fault of an earlier call.
    pub(super) fn single(&self, gpu: &Gpu, source: &Source) -> Result<Arc<Compiled>> {
        let key = Parts::from_slice(&[source.id]);
        if let Some(Some(found)) = self.compiled.lock().get(&key) {
            return Ok(found.clone());
        }
        let refuse = |message| Kind::Shader { kernel: source.name.to_owned(), message };
        let made = compile(gpu, source.as_text());
        gpu.check()?;
        let made = Arc::new(made.map_err(refuse)?);
        gpu.count_pipeline();
        self.compiled.lock().insert(key, Some(made.clone()));
        Ok(made)
    }

    /// One kernel that does the work of several, compiled on first use. `None` when they cannot be
    /// one: a text says so, or the driver's limits, such as workgroup memory.
    ///
    /// # Errors
    /// The fault of an earlier call.
    pub(super) fn joined(
        &self,
        gpu: &Gpu,
        parts: &[&Arc<Source>],
    ) -> Result<Option<Arc<Compiled>>> {
        let key: Parts = parts.iter().map(|part| part.id).collect();
        if let Some(found) = self.compiled.lock().get(&key) {
            return Ok(found.clone());
        }
        let made = join::join(parts).and_then(|joined| compile(gpu, joined)).ok().map(Arc::new);
        gpu.check()?;
        if made.is_some() {
            gpu.count_pipeline();
        }
        self.compiled.lock().insert(key, made.clone());
        Ok(made)
    }
}

fn key(kernel: &Kernel<'_>, words: usize) -> Key {
    let mut key = Key::new();
    key.extend_from_slice(&(words as u32).to_le_bytes());
    // A length before every text keeps neighbours apart.
    let mut push = |text: &[u8]| {
        key.extend_from_slice(&(text.len() as u32).to_le_bytes());
        key.extend_from_slice(text);
    };
    match kernel {
        Kernel::File { name, tune, holes, extra } => {
            push(b"file");
            push(name.as_bytes());
            push(&(*extra as u32).to_le_bytes());
            for (name, value) in *tune {
                push(name.as_bytes());
                push(&value.to_le_bytes());
            }
            push(b"holes");
            for (name, text) in *holes {
                push(name.as_bytes());
                push(text.as_bytes());
            }
        }
        Kernel::Generated { key, .. } => {
            push(b"generated");
            push(key);
        }
    }
    key
}

/// The source with number 0.
fn source(gpu: &Gpu, kernel: &Kernel<'_>, words: usize) -> Result<Source, String> {
    match kernel {
        Kernel::File { name, tune, holes, extra } => {
            let shader = shader(name).ok_or("there is no such shader file")?;
            if shader.words != words {
                return Err(format!("takes {} parameter words, got {words}", shader.words));
            }
            if shader.subgroup && gpu.profile().subgroup.is_none() {
                return Err("uses subgroups, which this device lacks".into());
            }
            let text = compose(shader.text, tune, holes, false)?;
            file_source(name, text, shader, *extra)
        }
        Kernel::Generated { access, workgroup, text, name, .. } => {
            let text = text();
            let access = SmallVec::from_slice(access);
            let alone = join::works_alone(&text);
            Ok(Source { id: 0, name, text, access, workgroup: *workgroup, words, alone })
        }
    }
}

fn file_source(
    name: &'static str,
    text: String,
    shader: &Shader,
    extra: usize,
) -> Result<Source, String> {
    let workgroup = workgroup(&text)?;
    let mut access = SmallVec::from_slice(shader.access);
    access.extend(std::iter::repeat_n(Access::Read, extra));
    let alone = join::works_alone(&text);
    Ok(Source { id: 0, name, text, access, workgroup, words: shader.words, alone })
}

/// What is handed to the driver.
pub(super) struct Text<'a> {
    pub(super) name: String,
    /// In the uniform form.
    pub(super) text: Cow<'a, str>,
    pub(super) access: Cow<'a, [Access]>,
    pub(super) words: usize,
}

impl Source {
    fn as_text(&self) -> Text<'_> {
        let (text, access) = (self.text.as_str().into(), self.access.as_slice().into());
        Text { name: self.name.to_owned(), text, access, words: self.words }
    }
}

/// The error is the driver's message.
fn compile(gpu: &Gpu, source: Text<'_>) -> Result<Compiled, String> {
    let immediate = gpu.params_mode(source.words) == ParamsMode::Immediate;
    let mut text = compose(&source.text, &[], &[], immediate)?;
    if gpu.profile().software {
        text = with_own_params(&text);
    }
    gpu.captured(|| create(gpu, source, &text, immediate))
}

/// Errors are left to the scope around the call.
fn create(gpu: &Gpu, source: Text<'_>, text: &str, immediate: bool) -> Compiled {
    let device = gpu.device();
    let name = Some(source.name.as_str());
    let descriptor =
        wgpu::ShaderModuleDescriptor { label: name, source: wgpu::ShaderSource::Wgsl(text.into()) };
    // SAFETY: our own shaders guard every index and bound every loop; holes and generated text
    // are built from the same tables, never from a caller's text.
    let module = unsafe {
        device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
    };
    let layout = gpu.bind_layout(&source.access);
    let groups = [Some(layout.raw()), Some(gpu.params_layout())];
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: if immediate { &groups[..1] } else { &groups },
        immediate_size: if immediate { source.words as u32 * 4 } else { 0 },
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: name,
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: None,
        compilation_options: wgpu::PipelineCompilationOptions {
            // Every kernel writes workgroup memory before it reads it.
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: None,
    });
    Compiled { name: source.name, pipeline, layout }
}

#[cfg(test)]
mod tests {
    use gradus_tensor::gpu::{Dispatch, GpuOptions, Slot};

    use super::super::tests::open;
    use super::*;

    #[test]
    fn a_hole_can_bring_its_own_binding() {
        let Some(gpu) = open(&GpuOptions::default()) else { return };
        let shader = Shader {
            name: "holed",
            text: "@group(0) @binding(0) var<storage, read_write> y: array<u32>;
                   // @hole value
                   fn value(i: u32) -> u32 { return 1u; }
                   // @end
                   const WG: u32 = 16u; // @tune
                   @compute @workgroup_size(WG) fn main(@builtin(global_invocation_id) id: vec3u)
                   { if (id.x < 64u) { y[id.x] = value(id.x) + 2u; } }",
            access: &[Access::ReadWrite],
            words: 0,
            subgroup: false,
        };
        let hole = "@group(0) @binding(1) var<storage, read> x: array<u32>;
                    fn value(i: u32) -> u32 { return x[i]; }";
        let x = gpu.upload_bytes(bytemuck::cast_slice(&[40u32; 64])).expect("memory");
        let y = gpu.alloc(256).expect("memory");
        for (holes, expected) in [(&[][..], 3), (&[("value", hole)][..], 42)] {
            let text = compose(shader.text, &[("WG", 8)], holes, false).expect("composes");
            let source = file_source("holed", text, &shader, holes.len()).expect("has a size");
            assert_eq!(source.workgroup, [8, 1, 1]);
            let compiled = compile(&gpu, source.as_text()).expect("compiles");
            let uses: &[&Slot] = &[&y, &x];
            let uses = &uses[..1 + holes.len()];
            let bind_group = gpu.bind_group(&compiled.layout, uses).expect("fits");
            let pipeline = &compiled.pipeline;
            let grid = [8, 1, 1];
            let dispatch = Dispatch {
                name: "warm-up",
                pipeline,
                bind_group: &bind_group,
                params: &[],
                uses,
                grid,
            };
            gpu.dispatch(&dispatch).expect("recorded");
            let got: Vec<u32> = bytemuck::pod_collect_to_vec(&gpu.read(&y, 0, 256).expect("read"));
            assert_eq!(got, [expected; 64]);
        }
    }
}
