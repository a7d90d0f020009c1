using System.Buffers;

namespace OptimSharp.Engine;

/// <summary>
/// Finds parameters that share elements: views of one storage, or slices of one array. A step would change such an element twice, and write one's
/// numbers over the other's.
/// </summary>
internal static class MemoryOverlap
{
    /// <summary>Throws <see cref="ArgumentException"/> when two of the parameters share elements. The same parameter twice is the caller's to find.</summary>
    public static void Refuse(IEnumerable<Parameter> parameters, string argument)
    {
        if (Find(parameters) is var (first, second))
            throw new ArgumentException($"Parameters {first} and {second} share memory, but are not the same tensor: what they share would be changed twice. "
                + "Give the tensor that both are views of, or make one of them a copy.", argument);
    }

    /// <summary>Two parameters that share elements; null when none do. Parameters that can't be used any more are left out.</summary>
    public static (Parameter First, Parameter Second)? Find(IEnumerable<Parameter> parameters)
    {
        var pins = new List<MemoryHandle>(); // while they are looked at, arrays stay where they are
        try
        {
            var places = new List<Place>();
            foreach (var parameter in parameters)
            {
                if (parameter.Count > 0 && parameter.IsUsable && parameter.Extent(pins) is { Start: not 0 } extent)
                    places.Add(new(parameter, extent, extent.End, places.Count));
            }
            places.Sort((a, b) => (a.Extent.Device, a.Extent.Start).CompareTo((b.Extent.Device, b.Extent.Start)));
            for (int first = 0, next; first < places.Count; first = next)
            {
                // Those whose ranges touch, each one of those before it.
                nint end = places[first].End;
                for (next = first + 1; next < places.Count && places[next].Extent.Device == places[first].Extent.Device && places[next].Extent.Start < end; next++)
                    end = nint.Max(end, places[next].End);
                if (next - first > 1 && FindShared(places.GetRange(first, next - first), end) is var (a, b))
                    return a.Order < b.Order ? (a.Parameter, b.Parameter) : (b.Parameter, a.Parameter);
            }
            return null;
        }
        finally
        {
            foreach (var pin in pins)
                pin.Dispose();
        }
    }

    sealed record Place(Parameter Parameter, MemoryExtent Extent, nint End, int Order);

    /// <summary>
    /// Two that share elements, of those whose ranges touch. Ranges may interleave and yet share nothing, as a matrix's columns do: then bytes are looked at one by one.
    /// </summary>
    static (Place First, Place Second)? FindShared(List<Place> places, nint end)
    {
        Place? dense = null;
        foreach (var place in places)
        {
            if (place.Extent.Strides is not null)
                continue;
            if (dense is not null && place.Extent.Start < dense.End)
                return (dense, place);
            if (dense is null || place.End > dense.End)
                dense = place;
        }
        nint start = places[0].Extent.Start;
        var taken = new Marks(start, end);
        foreach (var (i, place) in places.Index())
        {
            if (taken.Has(place.Extent))
                return (places.Take(i).First(earlier => Shares(earlier, place)), place);
            taken.Add(place.Extent);
        }
        return null;

        bool Shares(Place earlier, Place place)
        {
            var marks = new Marks(start, end);
            marks.Add(earlier.Extent);
            return marks.Has(place.Extent);
        }
    }

    /// <summary>A bit for each byte of a range.</summary>
    sealed class Marks(nint start, nint end)
    {
        readonly ulong[] bits = new ulong[(end - start + 63) / 64];

        public void Add(MemoryExtent extent)
        {
            foreach (var (word, mask) in Words(extent))
                bits[word] |= mask;
        }

        public bool Has(MemoryExtent extent) => Words(extent).Any(x => (bits[x.Word] & x.Mask) != 0);

        /// <summary>The words that the elements' bits are in.</summary>
        IEnumerable<(nint Word, ulong Mask)> Words(MemoryExtent extent)
        {
            foreach (var (first, count) in Ranges(extent))
            {
                for (nint at = first - start, last = at + count; at < last;)
                {
                    int bit = (int)(at % 64), length = (int)nint.Min(64 - bit, last - at);
                    yield return (at / 64, (length == 64 ? ulong.MaxValue : (1ul << length) - 1) << bit);
                    at += length;
                }
            }
        }

        /// <summary>The ranges of bytes that the elements are in.</summary>
        static IEnumerable<(nint Address, nint Bytes)> Ranges(MemoryExtent extent)
        {
            var (_, at, size, shape, strides) = extent;
            if (strides is null)
            {
                yield return (at, extent.End - at);
                yield break;
            }
            var index = new long[shape.Length];
            for (int i = 0; i >= 0;)
            {
                yield return (at, size);
                for (i = shape.Length - 1; i >= 0; i--)
                {
                    if (strides[i] == 0)
                        continue; // the same elements again
                    at += (nint)strides[i] * size;
                    if (++index[i] < shape[i])
                        break;
                    at -= (nint)(strides[i] * shape[i]) * size;
                    index[i] = 0;
                }
            }
        }
    }
}
