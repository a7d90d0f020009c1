using System.Buffers;
using System.Buffers.Binary;
using Google.Protobuf;

namespace OptimSharp.TensorBoard;

/// <summary>A record of a TFRecord file: the length of the data, its checksum, the data, its checksum.</summary>
static class RecordFormat
{
    const int Before = sizeof(ulong) + sizeof(uint), After = sizeof(uint);

    /// <summary>Appends a message as a record.</summary>
    public static void Append(ArrayBufferWriter<byte> to, IMessage message)
    {
        int length = message.CalculateSize(), size = checked(Before + length + After);
        var record = to.GetSpan(size)[..size];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)length);
        BinaryPrimitives.WriteUInt32LittleEndian(record[sizeof(ulong)..], MaskedCrc.Of(record[..sizeof(ulong)]));
        var data = record.Slice(Before, length);
        message.WriteTo(data);
        BinaryPrimitives.WriteUInt32LittleEndian(record[(Before + length)..], MaskedCrc.Of(data));
        to.Advance(size);
    }

    /// <summary>How many bytes of records that may break off are whole ones.</summary>
    public static long WholeRecords(ReadOnlySpan<byte> records)
    {
        long end = 0;
        while (records.Length - end >= Before)
        {
            long next = end + Before + (long)BinaryPrimitives.ReadUInt64LittleEndian(records[(int)end..]) + After;
            if (next > records.Length)
                break;
            end = next;
        }
        return end;
    }
}
