//! COM_STMT_EXECUTE: which statement, with which values (manual: "COM_STMT_EXECUTE").

use bytes::{BufMut, BytesMut};

use crate::mysql::command;
use crate::mysql::frame::WireError;
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::packets::query::{Attribute, bindings, headings, is_null};
use crate::mysql::packets::value::{ParameterKind, Value, read};
use crate::mysql::reader::Reader;

/// Flag: rows wait behind a cursor of the server's.
pub const CURSOR_READ_ONLY: u8 = 1;
/// Flag: the number of values is told, since some may be attributes.
const COUNT_TOLD: u8 = 8;
/// Flags that have a meaning here; the others ask for cursors that no server has.
const FLAGS: u8 = CURSOR_READ_ONLY | COUNT_TOLD;

/// What is known about the statement that is to be executed.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// How many parameters it has, from the answer to its COM_STMT_PREPARE.
    pub parameters: usize,
    /// Types of its last execution, which count if none are sent; empty before the first.
    pub kinds: &'a [ParameterKind],
    /// Parameters, by index, whose values were sent ahead by COM_STMT_SEND_LONG_DATA.
    pub long: &'a [usize],
}

/// What stands for one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Parameter<'a> {
    /// Its value.
    Value(Value<'a>),
    /// The value that was sent ahead.
    Long,
}

/// A COM_STMT_EXECUTE.
#[derive(Clone, Debug, PartialEq)]
pub struct Execute<'a> {
    /// The server's number of the statement.
    pub statement: u32,
    /// It asks for a cursor.
    pub cursor: bool,
    /// The statement's parameters, in order.
    pub parameters: Vec<Parameter<'a>>,
    /// Their types: keep them for the next execution.
    pub kinds: Vec<ParameterKind>,
    /// What travels with it.
    pub attributes: Vec<Attribute<'a>>,
    nulls: &'a [u8],
    values: &'a [u8],
    counted: bool,
}

/// The number of the statement that a COM_STMT_EXECUTE names, before anything else is known about it.
///
/// # Errors
/// Another command, or a broken packet.
pub fn statement_of(payload: &[u8]) -> Result<u32, WireError> {
    let mut reader = Reader::new("COM_STMT_EXECUTE", payload);
    if reader.u8()? != command::STMT_EXECUTE {
        return Err(WireError::unexpected("COM_STMT_EXECUTE", payload));
    }
    reader.u32()
}

impl<'a> Execute<'a> {
    /// Reads the payload, command byte included. `capabilities` are those agreed with the sender.
    ///
    /// # Errors
    /// A broken packet, another number of values than the statement has parameters, types that were never sent.
    pub fn decode(payload: &'a [u8], capabilities: Capabilities, known: Known<'_>) -> Result<Self, WireError> {
        let statement = statement_of(payload)?;
        let mut reader = Reader::new("COM_STMT_EXECUTE", payload.get(5..).unwrap_or_default());
        let flags = reader.u8()?;
        if flags & !FLAGS != 0 {
            return Err(reader.out_of_range("flags of an execution", u64::from(flags)));
        }
        let rounds = reader.u32()?;
        if rounds != 1 {
            return Err(reader.out_of_range("1 iteration", u64::from(rounds)));
        }
        let told = flags & COUNT_TOLD != 0;
        let with_attributes = capabilities.has(Capabilities::QUERY_ATTRIBUTES);
        let mut execute = Self {
            statement,
            cursor: flags & CURSOR_READ_ONLY != 0,
            parameters: Vec::new(),
            kinds: Vec::new(),
            attributes: Vec::new(),
            nulls: &[],
            values: &[],
            counted: with_attributes,
        };
        if known.parameters > 0 || (with_attributes && told) {
            let count = if with_attributes { bindings(&mut reader)? } else { known.parameters };
            if count < known.parameters {
                let found = u64::try_from(count).unwrap_or(u64::MAX);
                return Err(reader.out_of_range("as many values as the statement has parameters", found));
            }
            if count > 0 {
                execute.values(&mut reader, count, known)?;
            }
        }
        reader.finish()?;
        Ok(execute)
    }

    fn values(&mut self, reader: &mut Reader<'a>, count: usize, known: Known<'_>) -> Result<(), WireError> {
        self.nulls = reader.bytes(count.div_ceil(8))?;
        let types_sent = match reader.u8()? {
            0 => false,
            1 => true,
            other => return Err(reader.out_of_range("0 or 1 before the types", u64::from(other))),
        };
        let headings: Vec<(ParameterKind, &[u8])> = if types_sent {
            headings(reader, count, self.counted)?
        } else {
            known.kinds.iter().map(|kind| (*kind, &[][..])).collect()
        };
        if headings.len() != count {
            return Err(reader.out_of_range("types of the parameters, now or before", 0));
        }
        let before = reader.clone();
        let mut parameters_end = before.remaining();
        for (index, (kind, name)) in headings.into_iter().enumerate() {
            let is_parameter = index < known.parameters;
            let long = is_parameter && known.long.contains(&index);
            let value = match (is_null(self.nulls, index), long) {
                // What was sent ahead counts, whatever the bitmap says.
                (_, true) => Parameter::Long,
                (true, false) => Parameter::Value(Value::Null),
                (false, false) => Parameter::Value(read(reader, kind)?),
            };
            match value {
                value if is_parameter => {
                    self.parameters.push(value);
                    self.kinds.push(kind);
                    parameters_end = reader.remaining();
                }
                Parameter::Value(value) => self.attributes.push(Attribute { name, value }),
                Parameter::Long => {}
            }
        }
        let mut start = before.clone();
        self.values = start.bytes(before.remaining().saturating_sub(parameters_end))?;
        Ok(())
    }

    /// Writes the payload for a server that was agreed to get no attributes and knows the statement by `statement`: without
    /// attributes, and always with the types, since the server may not have seen the execution that told them.
    pub fn encode_plain(&self, statement: u32, out: &mut BytesMut) {
        out.put_u8(command::STMT_EXECUTE);
        out.put_u32_le(statement);
        out.put_u8(if self.cursor { CURSOR_READ_ONLY } else { 0 });
        out.put_u32_le(1);
        let count = self.parameters.len();
        if count == 0 {
            return;
        }
        let mut nulls = self.nulls.get(..count.div_ceil(8)).unwrap_or_default().to_vec();
        // Bits of attributes that share the last byte.
        if let Some(last) = nulls.last_mut().filter(|_| !count.is_multiple_of(8)) {
            *last &= (1_u8 << (count % 8)) - 1;
        }
        out.put_slice(&nulls);
        out.put_u8(1);
        self.kinds.iter().for_each(|kind| out.put_slice(&kind.bytes()));
        out.put_slice(self.values);
    }
}

#[cfg(test)]
mod tests;
