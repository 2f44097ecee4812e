//! What the brokers say this user may do with a topic or a group.

use std::ffi::{CString, c_char};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use sys::rd_kafka_AclOperation_t as Operation;
use sys::rd_kafka_admin_op_t as Request;

use super::error_code;
use crate::context::Observer;

/// Rights that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) read: bool,
    pub(crate) write: bool,
}

/// `None` where brokers do not tell: they are old, did not answer, or do not know the topic.
pub(crate) fn topic_rights(client: &BaseConsumer<Observer>, topic: &str, timeout: Duration) -> Option<Rights> {
    let name = CString::new(topic).ok()?;
    let mut names = [name.as_ptr()];
    ask(
        client,
        Request::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        timeout,
        |rk, options, answers| {
            // SAFETY: all arguments live until the call returns, which copies them; the collection is ours and destroyed once.
            unsafe {
                let topics = sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
                sys::rd_kafka_DescribeTopics(rk, topics, options, answers);
                sys::rd_kafka_TopicCollection_destroy(topics);
            }
        },
        |event| {
            // SAFETY: the event is alive, and what is read of it belongs to it.
            unsafe {
                let result = sys::rd_kafka_event_DescribeTopics_result(event);
                let first = first(result, sys::rd_kafka_DescribeTopics_result_topics)?;
                let (mut count, error) = (0, sys::rd_kafka_TopicDescription_error(first));
                rights(error, sys::rd_kafka_TopicDescription_authorized_operations(first, &mut count), count)
            }
        },
    )
}

/// `None` where brokers do not tell. A group that does not exist has rights too.
pub(crate) fn group_rights(client: &BaseConsumer<Observer>, group: &str, timeout: Duration) -> Option<Rights> {
    let name = CString::new(group).ok()?;
    let mut names = [name.as_ptr()];
    ask(
        client,
        Request::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
        timeout,
        |rk, options, answers| {
            // SAFETY: all arguments live until the call returns, which copies them.
            unsafe { sys::rd_kafka_DescribeConsumerGroups(rk, names.as_mut_ptr(), names.len(), options, answers) };
        },
        |event| {
            // SAFETY: the event is alive, and what is read of it belongs to it.
            unsafe {
                let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event);
                let first = first(result, sys::rd_kafka_DescribeConsumerGroups_result_groups)?;
                let (mut count, error) = (0, sys::rd_kafka_ConsumerGroupDescription_error(first));
                rights(error, sys::rd_kafka_ConsumerGroupDescription_authorized_operations(first, &mut count), count)
            }
        },
    )
}

/// Sends a request that asks for rights, and reads its answer.
fn ask(
    client: &BaseConsumer<Observer>,
    request: Request,
    timeout: Duration,
    send: impl FnOnce(*mut sys::rd_kafka_t, *const sys::rd_kafka_AdminOptions_t, *mut sys::rd_kafka_queue_t),
    read: impl FnOnce(*mut sys::rd_kafka_event_t) -> Option<Rights>,
) -> Option<Rights> {
    let rk = client.client().native_ptr();
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    let mut words: [c_char; 128] = [0; 128];
    // SAFETY: the client is alive; options, queue and event are ours, and each is destroyed once, after its last use.
    unsafe {
        let options = sys::rd_kafka_AdminOptions_new(rk, request);
        let refused = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
        if !refused.is_null() {
            sys::rd_kafka_error_destroy(refused);
        }
        // A time out of range leaves the default of a minute.
        sys::rd_kafka_AdminOptions_set_request_timeout(options, millis, words.as_mut_ptr(), words.len());
        let answers = sys::rd_kafka_queue_new(rk);
        send(rk, options, answers);
        let event = NonNull::new(sys::rd_kafka_queue_poll(answers, millis));
        let rights = event.and_then(|event| read(event.as_ptr()));
        if let Some(event) = event {
            sys::rd_kafka_event_destroy(event.as_ptr());
        }
        sys::rd_kafka_queue_destroy(answers);
        sys::rd_kafka_AdminOptions_destroy(options);
        rights
    }
}

/// The first description of a result that has one.
///
/// # Safety
/// `result` is null or alive, and `list` is what lists its descriptions.
unsafe fn first<R, D>(result: *const R, list: unsafe extern "C" fn(*const R, *mut usize) -> *mut *const D) -> Option<*const D> {
    if result.is_null() {
        return None;
    }
    let mut count = 0;
    // SAFETY: the caller's promise; `count` entries stand at the address returned.
    unsafe {
        let entries = list(result, &mut count);
        (count > 0 && !entries.is_null()).then(|| *entries)
    }
}

/// # Safety
/// `error` is null or alive; `operations` is null, or `count` of them stand there.
unsafe fn rights(error: *const sys::rd_kafka_error_t, operations: *const Operation, count: usize) -> Option<Rights> {
    use rdkafka::types::RDKafkaErrorCode::{GroupAuthorizationFailed, TopicAuthorizationFailed};
    // SAFETY: a null error means none; the caller's promise else. Operations are read as numbers, for brokers may be newer than we.
    unsafe {
        match error_code(sys::rd_kafka_error_code(error) as i32) {
            None => {}
            Some(GroupAuthorizationFailed | TopicAuthorizationFailed) => return Some(Rights { read: false, write: false }),
            Some(_) => return None,
        }
        if operations.is_null() {
            return None;
        }
        let allows = |operation: Operation| (0..count).any(|index| operations.add(index).cast::<i32>().read() == operation as i32);
        Some(Rights {
            read: allows(Operation::RD_KAFKA_ACL_OPERATION_READ),
            write: allows(Operation::RD_KAFKA_ACL_OPERATION_WRITE),
        })
    }
}
