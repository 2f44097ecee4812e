//! Connect's data: a schema beside a value, or a value alone.
//!
//! Converters make it from bytes, transforms change it, `rows.rs` writes it as JSON. A schema is shared, for every record of a
//! topic tends to have the same one.

use std::sync::Arc;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use snowgate_record::TimestampType;

/// What a schema calls a value's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    Int8,
    Int16,
    Int32,
    Int64,
    Float32,
    Float64,
    Boolean,
    String,
    Bytes,
    Array,
    Map,
    Struct,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    pub kind: Type,
    pub optional: bool,
    /// A logical type, such as `org.apache.kafka.connect.data.Decimal`, or a record's name.
    pub name: Option<String>,
    pub version: Option<i32>,
    pub doc: Option<String>,
    pub default: Option<Value>,
    pub parameters: Vec<(String, String)>,
    /// Of a struct, in order.
    pub fields: Vec<Field>,
    /// Of a map.
    pub keys: Option<Arc<Schema>>,
    /// Of a map or an array.
    pub values: Option<Arc<Schema>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub name: String,
    pub schema: Arc<Schema>,
}

/// A value in any of Connect's forms.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Int8(i8),
    Int16(i16),
    Int32(i32),
    Int64(i64),
    Float32(f32),
    Float64(f64),
    Boolean(bool),
    String(String),
    Bytes(Vec<u8>),
    /// Of the logical type `Decimal`; its exponent is its scale.
    Decimal(BigDecimal),
    /// A whole number beyond 64 bits.
    BigInt(BigInt),
    /// `java.util.Date`, the form of the logical types `Date`, `Time` and `Timestamp`: milliseconds since 1970.
    Date(i64),
    List(Vec<Value>),
    /// In the order in which the source had the entries. Keys are text almost always.
    Map(Vec<(Value, Value)>),
    /// The values of the schema's fields, in their order.
    Struct(Arc<Schema>, Vec<Value>),
}

/// A value with the schema that describes it; without one it describes itself.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaAndValue {
    pub schema: Option<Arc<Schema>>,
    pub value: Value,
}

/// A record as transforms see it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectRecord {
    pub topic: Arc<str>,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: Option<i64>,
    pub timestamp_type: TimestampType,
    pub key: SchemaAndValue,
    pub value: SchemaAndValue,
    pub headers: Vec<(String, SchemaAndValue)>,
}

impl SchemaAndValue {
    pub const NULL: SchemaAndValue = SchemaAndValue { schema: None, value: Value::Null };
}

impl Type {
    /// As the original's enumeration names it: `INT8`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Type::Int8 => "INT8",
            Type::Int16 => "INT16",
            Type::Int32 => "INT32",
            Type::Int64 => "INT64",
            Type::Float32 => "FLOAT32",
            Type::Float64 => "FLOAT64",
            Type::Boolean => "BOOLEAN",
            Type::String => "STRING",
            Type::Bytes => "BYTES",
            Type::Array => "ARRAY",
            Type::Map => "MAP",
            Type::Struct => "STRUCT",
        }
    }
}

impl Schema {
    /// A required one without a name.
    pub const fn of(kind: Type) -> Schema {
        Schema {
            kind,
            optional: false,
            name: None,
            version: None,
            doc: None,
            default: None,
            parameters: Vec::new(),
            fields: Vec::new(),
            keys: None,
            values: None,
        }
    }

    /// One of the logical types, such as [`TIMESTAMP`].
    pub fn logical(kind: Type, name: &str) -> Schema {
        Schema { name: Some(name.to_owned()), version: Some(1), ..Schema::of(kind) }
    }

    #[must_use]
    pub fn with_optional(mut self, optional: bool) -> Schema {
        self.optional = optional;
        self
    }

    /// One of `kind` with this one's name, version, documentation and parameters, and nothing else of it.
    pub fn basics(&self, kind: Type) -> Schema {
        Schema {
            name: self.name.clone(),
            version: self.version,
            doc: self.doc.clone(),
            parameters: self.parameters.clone(),
            ..Schema::of(kind)
        }
    }

    /// Gives a struct another field.
    pub fn push_field(&mut self, name: &str, schema: Arc<Schema>) -> Result<(), DataError> {
        let fault = |message: String| DataError { exception: "org.apache.kafka.connect.errors.SchemaBuilderException", message };
        if name.is_empty() {
            return Err(fault("fieldName cannot be null.".to_owned()));
        }
        if self.field_index(name).is_some() {
            return Err(fault(format!("Cannot create field because of field name duplication {name}")));
        }
        self.fields.push(Field { name: name.to_owned(), schema });
        Ok(())
    }

    /// Of a struct.
    pub fn field_index(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    pub fn is_named(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }

    /// As the original's errors show it.
    pub fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("Schema{{{name}:{}}}", self.kind.as_str()),
            None => format!("Schema{{{}}}", self.kind.as_str()),
        }
    }
}

/// The names of the logical types.
pub const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
pub const DATE: &str = "org.apache.kafka.connect.data.Date";
pub const TIME: &str = "org.apache.kafka.connect.data.Time";
pub const TIMESTAMP: &str = "org.apache.kafka.connect.data.Timestamp";

impl Value {
    /// The Java class that the original would have here.
    pub const fn java_class(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Int8(_) => "java.lang.Byte",
            Value::Int16(_) => "java.lang.Short",
            Value::Int32(_) => "java.lang.Integer",
            Value::Int64(_) => "java.lang.Long",
            Value::Float32(_) => "java.lang.Float",
            Value::Float64(_) => "java.lang.Double",
            Value::Boolean(_) => "java.lang.Boolean",
            Value::String(_) => "java.lang.String",
            Value::Bytes(_) => "[B",
            Value::Decimal(_) => "java.math.BigDecimal",
            Value::BigInt(_) => "java.math.BigInteger",
            Value::Date(_) => "java.util.Date",
            Value::List(_) => "java.util.ArrayList",
            Value::Map(_) => "java.util.HashMap",
            Value::Struct(..) => "org.apache.kafka.connect.data.Struct",
        }
    }

    /// The type that a value without a schema has; dates have none. A number that takes more than the original's long or double
    /// to hold counts as one.
    pub const fn inferred_type(&self) -> Option<Type> {
        match self {
            Value::Int8(_) => Some(Type::Int8),
            Value::Int16(_) => Some(Type::Int16),
            Value::Int32(_) => Some(Type::Int32),
            Value::Int64(_) | Value::BigInt(_) => Some(Type::Int64),
            Value::Float32(_) => Some(Type::Float32),
            Value::Float64(_) | Value::Decimal(_) => Some(Type::Float64),
            Value::Boolean(_) => Some(Type::Boolean),
            Value::String(_) => Some(Type::String),
            Value::Bytes(_) => Some(Type::Bytes),
            Value::List(_) => Some(Type::Array),
            Value::Map(_) => Some(Type::Map),
            Value::Struct(..) => Some(Type::Struct),
            Value::Null | Value::Date(_) => None,
        }
    }

    pub const fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Where a record failed: the words of `__connect.errors.stage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    KeyConverter,
    ValueConverter,
    HeaderConverter,
    Transformation,
    TaskPut,
}

impl Stage {
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::KeyConverter => "KEY_CONVERTER",
            Stage::ValueConverter => "VALUE_CONVERTER",
            Stage::HeaderConverter => "HEADER_CONVERTER",
            Stage::Transformation => "TRANSFORMATION",
            Stage::TaskPut => "TASK_PUT",
        }
    }
}

/// Why a converter or a transform did not take a record, in the words of the original.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DataError {
    /// The Java exception that the original throws, such as `org.apache.kafka.connect.errors.DataException`.
    pub exception: &'static str,
    pub message: String,
}

impl DataError {
    pub fn data(message: impl Into<String>) -> DataError {
        DataError { exception: "org.apache.kafka.connect.errors.DataException", message: message.into() }
    }
}
