//! The raw calls into librdkafka that rdkafka does not wrap, each behind a safe function.
//!
//! rdkafka hands out one event per record and cannot read a batch; it also has no commit whose answer can be waited for. This
//! module, with [`describe`] in it, is the only one with `unsafe`. It keeps three promises to the rest of the crate:
//!
//! - A [`Queue`] holds the client that it belongs to, so the client outlives every handle to it.
//! - [`Messages`] owns what librdkafka handed out and destroys all of it; slices of a message cannot outlive it.
//! - No panic leaves through C: the only callback that runs on a thread of librdkafka catches it.

pub(crate) mod describe;

use std::ffi::{CStr, CString, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull, addr_of};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use snowgate_record::{Offset, TimestampType, TopicPartition};

use crate::context::Context;

/// The client of a consumer.
pub(crate) type Client = Arc<BaseConsumer<Context>>;

/// Called when a queue turns from empty to non-empty.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Messages asked of librdkafka at once: enough that the call costs nothing beside them, few enough to stand on the stack.
pub(crate) const CHUNK: usize = 256;

/// A queue of librdkafka's.
pub(crate) struct Queue {
    raw: NonNull<sys::rd_kafka_queue_t>,
    /// Boxed because librdkafka keeps its address.
    wake: Option<Box<Wake>>,
    /// Declared last, so dropped last: the handle must not outlive its client.
    _client: Client,
}

// SAFETY: librdkafka locks its queues itself; every call below may come from any thread.
unsafe impl Send for Queue {}
// SAFETY: as above; what changes `wake` takes `&mut self`.
unsafe impl Sync for Queue {}

impl Queue {
    /// The queue of one partition, cut off from the consumer's own queue so that only its holder sees the partition's records.
    ///
    /// The cut lasts for the life of the client, whoever holds the queue: it must be made anew on each assignment, or nobody reads.
    pub(crate) fn split(client: &Client, topic_partition: &TopicPartition) -> Option<Queue> {
        let topic = CString::new(topic_partition.topic.as_bytes()).ok()?;
        // SAFETY: the client is alive and `topic` is a C string; a null answer is handled.
        let raw =
            unsafe { sys::rd_kafka_queue_get_partition(client.client().native_ptr(), topic.as_ptr(), topic_partition.partition) };
        let raw = NonNull::new(raw)?;
        // SAFETY: `raw` is a live queue; a null target means "forward nowhere".
        unsafe { sys::rd_kafka_queue_forward(raw.as_ptr(), ptr::null_mut()) };
        Some(Queue { raw, wake: None, _client: client.clone() })
    }

    /// An empty queue for answers.
    pub(crate) fn new(client: &Client) -> Queue {
        // SAFETY: the client is alive; the function allocates and does not fail.
        let raw = unsafe { sys::rd_kafka_queue_new(client.client().native_ptr()) };
        Queue { raw: NonNull::new(raw).expect("librdkafka always makes a queue"), wake: None, _client: client.clone() }
    }

    /// What the queue holds, up to `max` and [`CHUNK`], without waiting.
    pub(crate) fn consume(&self, max: usize) -> Messages {
        let mut messages = Messages { raw: [ptr::null_mut(); CHUNK], len: 0, values_stand: is_read_version() };
        let room = max.min(CHUNK);
        if room == 0 {
            return messages;
        }
        // SAFETY: the array has room for `room` pointers and librdkafka writes the first `count` of them.
        let count = unsafe { sys::rd_kafka_consume_batch_queue(self.raw.as_ptr(), 0, messages.raw.as_mut_ptr(), room) };
        messages.len = usize::try_from(count).unwrap_or(0);
        messages
    }

    /// Throws away what the queue holds.
    pub(crate) fn purge(&self) {
        while !self.consume(CHUNK).is_empty() {}
    }

    pub(crate) fn is_empty(&self) -> bool {
        // SAFETY: the queue is alive.
        unsafe { sys::rd_kafka_queue_length(self.raw.as_ptr()) == 0 }
    }

    /// Calls `wake` on a thread of librdkafka, with the queue locked, whenever the queue turns non-empty.
    pub(crate) fn set_wake(&mut self, wake: Wake) {
        let wake = Box::new(wake);
        let opaque: *const Wake = &*wake;
        // SAFETY: librdkafka calls back under the queue's lock, which this call takes: afterwards only the new box is in use, and
        // it stays until it is replaced here or the callback is taken away in `drop`.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.raw.as_ptr(), Some(call_wake), opaque.cast_mut().cast()) };
        self.wake = Some(wake);
    }

    /// Waits for the answer to a commit that named this queue.
    pub(crate) fn wait_commit(&self, timeout: Duration) -> Option<CommitAnswer> {
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive; the event is ours and destroyed below.
        let event = NonNull::new(unsafe { sys::rd_kafka_queue_poll(self.raw.as_ptr(), millis) })?;
        // SAFETY: the event is alive until destroyed, and the list belongs to it and is copied before that.
        let answer = unsafe {
            let code = sys::rd_kafka_event_error(event.as_ptr());
            let list = sys::rd_kafka_event_topic_partition_list(event.as_ptr());
            let entries = if list.is_null() { Vec::new() } else { copy_entries(list) };
            sys::rd_kafka_event_destroy(event.as_ptr());
            CommitAnswer { error: error_code(code as i32), entries }
        };
        Some(answer)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the queue is alive and its client too (a field of ours). Taking the callback away waits for one that runs.
        unsafe {
            if self.wake.is_some() {
                sys::rd_kafka_queue_cb_event_enable(self.raw.as_ptr(), None, ptr::null_mut());
            }
            sys::rd_kafka_queue_destroy(self.raw.as_ptr());
        }
    }
}

/// librdkafka's side of [`Queue::set_wake`].
unsafe extern "C" fn call_wake(_: *mut sys::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: `opaque` is the address of the boxed `Wake` that `set_wake` keeps for as long as the callback is set.
    let wake = unsafe { &*opaque.cast::<Wake>() };
    if catch_unwind(AssertUnwindSafe(|| wake())).is_err() {
        tracing::error!("the wake-up of a partition queue panicked");
    }
}

/// Messages that librdkafka handed out.
pub(crate) struct Messages {
    raw: [*mut sys::rd_kafka_message_t; CHUNK],
    len: usize,
    /// Whether values are known to stand where they were in what was fetched.
    values_stand: bool,
}

impl Messages {
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = MessageRef<'_>> {
        (0..self.len).map(|index| {
            self.fetch_ahead(index);
            MessageRef { raw: self.raw[index], messages: self }
        })
    }

    /// Another core wrote the messages, so each would be waited for. Asks for the ones to come while `index` is being copied: first the
    /// message itself, then, when that is near, both ends of its value.
    #[inline]
    fn fetch_ahead(&self, index: usize) {
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            let at = |ahead: usize| self.raw[..self.len].get(index + ahead);
            if let Some(far) = at(8) {
                // SAFETY: a prefetch is a hint and reads nothing, whatever the address.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(far.cast_const().cast()) };
            }
            if let Some(near) = at(3) {
                // SAFETY: the message is ours and alive; the rest as above.
                unsafe {
                    let value = (**near).payload.cast_const().cast::<i8>();
                    _mm_prefetch::<_MM_HINT_T0>(value);
                    _mm_prefetch::<_MM_HINT_T0>(value.wrapping_add((**near).len));
                }
            }
        }
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        for message in &self.raw[..self.len] {
            // SAFETY: each pointer came from librdkafka, is ours, and is destroyed once.
            unsafe { sys::rd_kafka_message_destroy(*message) };
        }
    }
}

/// One message by reference.
#[derive(Clone, Copy)]
pub(crate) struct MessageRef<'a> {
    raw: *mut sys::rd_kafka_message_t,
    messages: &'a Messages,
}

// SAFETY of this block: `raw` points at a message that `messages` owns, so it and all it points at live for `'a`. Its `err` is
// read as a number because a broker newer than our bindings may send one that the Rust enum does not know.
impl<'a> MessageRef<'a> {
    /// The code and librdkafka's words, when this is an error and not a record.
    #[inline]
    pub(crate) fn error(self) -> Option<(RDKafkaErrorCode, String)> {
        // SAFETY: see above.
        let code = unsafe { addr_of!((*self.raw).err).cast::<i32>().read() };
        let code = error_code(code)?;
        Some((code, String::from_utf8_lossy(self.value().unwrap_or_default()).into_owned()))
    }

    #[inline]
    pub(crate) fn offset(self) -> i64 {
        // SAFETY: see above.
        unsafe { (*self.raw).offset }
    }

    #[inline]
    pub(crate) fn key(self) -> Option<&'a [u8]> {
        // SAFETY: see above.
        unsafe { slice((*self.raw).key, (*self.raw).key_len) }
    }

    #[inline]
    pub(crate) fn value(self) -> Option<&'a [u8]> {
        // SAFETY: see above.
        unsafe { slice((*self.raw).payload, (*self.raw).len) }
    }

    /// Milliseconds since 1970 and who set them.
    #[inline]
    pub(crate) fn timestamp(self) -> (i64, TimestampType) {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: see above.
        let millis = unsafe { sys::rd_kafka_message_timestamp(self.raw, &mut kind) };
        match kind {
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => (millis, TimestampType::CreateTime),
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => (millis, TimestampType::LogAppendTime),
            sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => (-1, TimestampType::NotAvailable),
        }
    }

    /// Whether the record itself says that it has no headers, as most do. To be told the same, librdkafka allocates and frees a buffer
    /// and a reader for each record.
    ///
    /// In Kafka's record format 2 the value is followed by the number of headers, and librdkafka hands the value out where it stands
    /// in what was fetched. A leader's epoch comes with that format alone.
    #[inline]
    fn says_no_headers(self) -> bool {
        // SAFETY: see above. Behind the value of a record of format 2 stands at least one more byte of the same record: brokers take
        // none without its number of headers. That librdkafka neither copies nor moves a value, unless it is empty, was read in the
        // sources of one version, and only of that one it is assumed.
        unsafe {
            let value = (*self.raw).payload.cast::<u8>();
            self.messages.values_stand
                && (*self.raw).len > 0
                && sys::rd_kafka_message_leader_epoch(self.raw) >= 0
                && value.add((*self.raw).len).read() == 0
        }
    }

    /// Calls `each` with every header, in order.
    #[inline]
    pub(crate) fn headers(self, mut each: impl FnMut(&'a [u8], Option<&'a [u8]>)) {
        if self.says_no_headers() {
            return;
        }
        let mut headers = ptr::null_mut();
        // SAFETY: see above; the headers belong to the message. An error says that there are none.
        let answer = unsafe { sys::rd_kafka_message_headers(self.raw, &mut headers) };
        if answer != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return;
        }
        for index in 0.. {
            let (mut name, mut value, mut len) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers are alive; an error says that there is no header at `index`.
            let answer = unsafe { sys::rd_kafka_header_get_all(headers, index, &mut name, &mut value, &mut len) };
            if answer != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return;
            }
            // SAFETY: the name is a C string and the value `len` bytes or null; both live as long as the message.
            unsafe { each(CStr::from_ptr(name).to_bytes(), slice(value, len)) };
        }
    }
}

/// The librdkafka whose sources [`MessageRef::says_no_headers`] was held against.
const READ_VERSION: std::ffi::c_int = 0x020c_01ff;

/// `None` for a null pointer: Kafka's null, as opposed to empty.
///
/// # Safety
/// A pointer that is not null points at `len` bytes that live for `'a`.
unsafe fn slice<'a>(start: *const c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), len) })
}

/// Whether librdkafka is the one of [`READ_VERSION`].
fn is_read_version() -> bool {
    // SAFETY: takes nothing and answers with a number.
    unsafe { sys::rd_kafka_version() == READ_VERSION }
}

/// `None` for success.
fn error_code(code: i32) -> Option<RDKafkaErrorCode> {
    match RDKafkaRespErr::try_from(code) {
        Ok(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR) => None,
        Ok(code) => Some(code.into()),
        Err(_) => Some(RDKafkaErrorCode::Unknown),
    }
}

/// One line of a list of partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListEntry {
    pub(crate) topic_partition: TopicPartition,
    /// Negative for Kafka's marks.
    pub(crate) offset: i64,
    pub(crate) metadata: Option<String>,
    pub(crate) error: Option<RDKafkaErrorCode>,
}

/// Written beside a group offset that counts as none.
pub(crate) const FORGOTTEN: &str = r#"{"forgotten":true}"#;

impl ListEntry {
    /// The group offset, unless there is none or it was forgotten.
    pub(crate) fn group_offset(&self) -> Option<Offset> {
        Offset::new(self.offset).filter(|_| self.metadata.as_deref() != Some(FORGOTTEN))
    }
}

/// What the brokers said to a commit.
pub(crate) struct CommitAnswer {
    pub(crate) error: Option<RDKafkaErrorCode>,
    pub(crate) entries: Vec<ListEntry>,
}

/// A copy of `list`. Metadata that is not UTF-8 is another program's and reads as none.
pub(crate) fn entries(list: &TopicPartitionList) -> Vec<ListEntry> {
    // SAFETY: the list is alive and not changed meanwhile.
    unsafe { copy_entries(list.ptr()) }
}

/// # Safety
/// `list` points at a live list.
unsafe fn copy_entries(list: *const sys::rd_kafka_topic_partition_list_t) -> Vec<ListEntry> {
    // SAFETY: the caller's promise; librdkafka keeps `cnt` elements at `elems`, each with a C string as topic.
    unsafe {
        let count = usize::try_from((*list).cnt).unwrap_or(0);
        (0..count)
            .map(|index| {
                let element = (*list).elems.add(index);
                let topic = CStr::from_ptr((*element).topic).to_string_lossy();
                let metadata = slice((*element).metadata, (*element).metadata_size);
                ListEntry {
                    topic_partition: TopicPartition::new(topic.as_ref(), (*element).partition),
                    offset: (*element).offset,
                    metadata: metadata.and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_string),
                    error: error_code(addr_of!((*element).err).cast::<i32>().read()),
                }
            })
            .collect()
    }
}

/// Sends a commit; its answer comes to `answers`.
pub(crate) fn commit(client: &Client, list: &TopicPartitionList, answers: &Queue) -> Result<(), RDKafkaErrorCode> {
    // SAFETY: client, list and queue are alive; librdkafka copies the list. No callback, so the answer becomes an event.
    let code = unsafe {
        sys::rd_kafka_commit_queue(client.client().native_ptr(), list.ptr(), answers.raw.as_ptr(), None, ptr::null_mut())
    };
    match error_code(code as i32) {
        None => Ok(()),
        Some(code) => Err(code),
    }
}

/// The low and high watermark that the client saw last, without a request.
pub(crate) fn watermarks(client: &Client, topic_partition: &TopicPartition) -> Option<(i64, i64)> {
    let topic = CString::new(topic_partition.topic.as_bytes()).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client is alive, `topic` is a C string, and both numbers are written before the call returns.
    let code = unsafe {
        sys::rd_kafka_get_watermark_offsets(
            client.client().native_ptr(),
            topic.as_ptr(),
            topic_partition.partition,
            &mut low,
            &mut high,
        )
    };
    // Negative: not heard of yet.
    (error_code(code as i32).is_none() && low >= 0 && high >= 0).then_some((low, high))
}

/// Every property that librdkafka knows by name.
pub(crate) fn property_names() -> Vec<String> {
    let Ok(config) = rdkafka::ClientConfig::new().create_native_config() else { return Vec::new() };
    let mut count = 0;
    // SAFETY: the configuration is alive; the dump holds `count` C strings, names and values in turn, until it is freed.
    unsafe {
        let dump = sys::rd_kafka_conf_dump(config.ptr(), &mut count);
        let names = (0..count).step_by(2).map(|index| CStr::from_ptr(*dump.add(index)).to_string_lossy().into_owned()).collect();
        sys::rd_kafka_conf_dump_free(dump, count);
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_librdkafka_is_the_one_whose_values_are_known_to_stand_in_place() {
        assert!(
            is_read_version(),
            "read rdkafka_msgset_reader.c of this version as `says_no_headers` needs it, then raise READ_VERSION"
        );
    }
}
