//! Kernel parameters where immediates are missing or too small: one uniform buffer, a slot per
//! dispatch, bound with a dynamic offset and written once per submit.

/// Bytes that a kernel sees from its slot on: the most a parameter block can have.
pub(crate) const WINDOW: usize = 1024;
/// Bytes of slots before a submit is due.
const SLOTS: usize = 128 << 10;

pub(crate) struct Ring {
    layout: wgpu::BindGroupLayout,
    align: usize,
    bytes: Vec<u8>,
    gpu: Option<(wgpu::Buffer, wgpu::BindGroup)>,
}

impl Ring {
    pub(crate) fn new(layout: wgpu::BindGroupLayout, align: u32) -> Self {
        Ring { layout, align: align as usize, bytes: Vec::new(), gpu: None }
    }

    /// The layout of bind group 1.
    pub(crate) fn layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: None,
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: true,
                    min_binding_size: None,
                },
                count: None,
            }],
        })
    }

    /// Whether the next parameters do not fit before a submit.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() + WINDOW > SLOTS
    }

    /// Appends parameters; returns their offset.
    pub(crate) fn push(&mut self, params: &[u32]) -> u32 {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(bytemuck::cast_slice(params));
        self.bytes.resize(self.bytes.len().next_multiple_of(self.align), 0);
        offset as u32
    }

    /// The bind group of the whole ring.
    pub(crate) fn group(&mut self, device: &wgpu::Device) -> &wgpu::BindGroup {
        let layout = &self.layout;
        let (_, group) = self.gpu.get_or_insert_with(|| {
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: (SLOTS + WINDOW) as u64,
                usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            let window = wgpu::BufferBinding {
                buffer: &buffer,
                offset: 0,
                size: wgpu::BufferSize::new(WINDOW as u64),
            };
            let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout,
                entries: &[wgpu::BindGroupEntry {
                    binding: 0,
                    resource: wgpu::BindingResource::Buffer(window),
                }],
            });
            (buffer, group)
        });
        group
    }

    /// Writes the parameters of the batch that is about to be submitted. They land after the
    /// batches submitted before, so one buffer serves them all.
    pub(crate) fn flush(&mut self, queue: &wgpu::Queue) {
        if let Some((buffer, _)) = &self.gpu
            && !self.bytes.is_empty()
        {
            queue.write_buffer(buffer, 0, &self.bytes);
        }
        self.bytes.clear();
    }
}
