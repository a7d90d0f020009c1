using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace OptimSharp.Engine;

/// <summary>What is known of an element type: its size, the type it is computed in, and the conversions between.</summary>
internal static unsafe class Storage
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Size(this ElementType type) => (uint)type < (uint)Sizes.Length ? Sizes[(int)type]
        : throw new ArgumentOutOfRangeException(nameof(type), type, "No element type.");

    // In the order of the enumeration.
    static ReadOnlySpan<byte> Sizes => [4, 8, 2, 2, 8, 16, 1, 1, 1, 2, 4, 8, 2, 4, 8, 1, 1, 1, 1, 1];

    /// <summary>Whether parameters can have it. The others, whole numbers, bool and 8-bit floats, are stored and read, but never computed in.</summary>
    public static bool IsTrainable(this ElementType type) => type <= ElementType.Complex128;

    public static bool IsComplex(this ElementType type) => type is ElementType.Complex64 or ElementType.Complex128;

    /// <summary>How many real numbers an element is.</summary>
    public static int Parts(this ElementType type) => type.IsComplex() ? 2 : 1;

    /// <summary>The type of an element's real numbers.</summary>
    public static ElementType Real(this ElementType type) => type switch
    {
        ElementType.Complex64 => ElementType.Float32,
        ElementType.Complex128 => ElementType.Float64,
        _ => type,
    };

    /// <summary>The type that a rule computes in for elements stored as <paramref name="type"/>.</summary>
    public static ElementType Compute(this ElementType type) =>
        type.Real() == ElementType.Float64 ? ElementType.Float64 : ElementType.Float32;

    /// <summary>The type of the state of a parameter of this element type.</summary>
    public static ElementType TypeFor(this StatePrecision precision, ElementType parameter) =>
        precision == StatePrecision.Parameter || parameter.IsComplex() ? parameter
        : precision == StatePrecision.BFloat16 && parameter.Compute() == ElementType.Float32 ? ElementType.BFloat16 : parameter.Compute();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ElementType Of<T>() where T : unmanaged =>
        Find<T>() ?? throw new ArgumentException($"There is no element type {typeof(T)}.", nameof(T));

    /// <summary>The element type of a .NET type; null for one that tensors can't have.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ElementType? Find<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? ElementType.Float32
        : typeof(T) == typeof(double) ? ElementType.Float64
        : typeof(T) == typeof(Half) ? ElementType.Float16
        : typeof(T) == typeof(BFloat16) ? ElementType.BFloat16
        : typeof(T) == typeof(Complex64) ? ElementType.Complex64
        : typeof(T) == typeof(Complex) ? ElementType.Complex128
        : typeof(T) == typeof(bool) ? ElementType.Bool
        : typeof(T) == typeof(byte) ? ElementType.UInt8
        : typeof(T) == typeof(sbyte) ? ElementType.Int8
        : typeof(T) == typeof(short) ? ElementType.Int16
        : typeof(T) == typeof(int) ? ElementType.Int32
        : typeof(T) == typeof(long) ? ElementType.Int64
        : typeof(T) == typeof(ushort) ? ElementType.UInt16
        : typeof(T) == typeof(uint) ? ElementType.UInt32
        : typeof(T) == typeof(ulong) ? ElementType.UInt64
        : null;

    /// <summary>Reads <paramref name="count"/> elements, at most <see cref="Piece"/>, of any type as <typeparamref name="T"/> (float or double).</summary>
    public static void Load<T>(void* source, ElementType type, T* destination, int count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (type == Of<T>())
            Unsafe.CopyBlockUnaligned(destination, source, (uint)count * (uint)sizeof(T));
        else if (typeof(T) == typeof(double))
            Widen(source, type, new Span<double>(destination, count));
        else
            Widen(source, type, new Span<float>(destination, count));
    }

    /// <summary>Writes <paramref name="count"/> elements, at most <see cref="Piece"/>, of <typeparamref name="T"/> (float or double), rounded to nearest.</summary>
    public static void Save<T>(T* source, void* destination, ElementType type, int count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (type == Of<T>())
            Unsafe.CopyBlockUnaligned(destination, source, (uint)count * (uint)sizeof(T));
        else if (typeof(T) == typeof(double))
            Narrow(new ReadOnlySpan<double>(source, count), destination, type);
        else
            Narrow(new ReadOnlySpan<float>(source, count), destination, type);
    }

    /// <summary><see cref="Load{T}(void*, ElementType, T*, int)"/> for any length.</summary>
    public static void Load<T>(void* source, ElementType type, T* destination, nint count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (nint i = 0; i < count; i += Piece)
            Load((byte*)source + i * type.Size(), type, destination + i, (int)Math.Min(Piece, count - i));
    }

    /// <summary><see cref="Save{T}(T*, void*, ElementType, int)"/> for any length.</summary>
    public static void Save<T>(T* source, void* destination, ElementType type, nint count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        for (nint i = 0; i < count; i += Piece)
            Save(source + i, (byte*)destination + i * type.Size(), type, (int)Math.Min(Piece, count - i));
    }

    /// <summary>Sets numbers of a real type to −0.</summary>
    public static void FillNegativeZero(void* to, ElementType type, nint count)
    {
        for (nint i = 0; i < count; i += Piece)
        {
            void* at = (byte*)to + i * type.Size();
            int n = (int)Math.Min(Piece, count - i);
            if (type == ElementType.Float64)
                new Span<double>(at, n).Fill(-0.0);
            else if (type == ElementType.Float32)
                new Span<float>(at, n).Fill(-0f);
            else
                new Span<ushort>(at, n).Fill(0x8000);
        }
    }

    public const int Piece = 1 << 20;

    static void Widen(void* source, ElementType type, Span<float> destination)
    {
        switch (type)
        {
            case ElementType.Float16:
                TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>(source, destination.Length), destination);
                break;
            case ElementType.BFloat16:
                BFloat16.ToSingle(new ReadOnlySpan<BFloat16>(source, destination.Length), destination);
                break;
            case ElementType.Float64:
                TensorPrimitives.ConvertTruncating(new ReadOnlySpan<double>(source, destination.Length), destination);
                break;
            default:
                WidenWhole(source, type, destination);
                break;
        }
    }

    static void Widen(void* source, ElementType type, Span<double> destination)
    {
        switch (type)
        {
            case ElementType.Float32:
                TensorPrimitives.ConvertTruncating(new ReadOnlySpan<float>(source, destination.Length), destination);
                break;
            case ElementType.Float16:
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = (double)((Half*)source)[i];
                break;
            case ElementType.BFloat16:
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = ((BFloat16*)source)[i];
                break;
            default:
                WidenWhole(source, type, destination);
                break;
        }
    }

    /// <summary>Whole numbers, bools and 8-bit floats as floating-point ones, rounded to nearest; true is 1.</summary>
    static void WidenWhole<T>(void* source, ElementType type, Span<T> destination) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        switch (type)
        {
            case ElementType.Bool:
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = ((byte*)source)[i] != 0 ? T.One : T.Zero;
                break;
            case ElementType.UInt8:
                From<byte>(source, destination);
                break;
            case ElementType.Int8:
                From<sbyte>(source, destination);
                break;
            case ElementType.Int16:
                From<short>(source, destination);
                break;
            case ElementType.Int32:
                From<int>(source, destination);
                break;
            case ElementType.Int64:
                From<long>(source, destination);
                break;
            case ElementType.UInt16:
                From<ushort>(source, destination);
                break;
            case ElementType.UInt32:
                From<uint>(source, destination);
                break;
            case ElementType.UInt64:
                From<ulong>(source, destination);
                break;
            case >= ElementType.Float8E4M3FN and <= ElementType.Float8E8M0FNU:
                var values = Float8.Values(type);
                for (int i = 0; i < destination.Length; i++)
                    destination[i] = T.CreateTruncating(values[((byte*)source)[i]]);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "No real element type.");
        }

        static void From<TWhole>(void* source, Span<T> destination) where TWhole : unmanaged, IBinaryInteger<TWhole>
        {
            for (int i = 0; i < destination.Length; i++)
                destination[i] = T.CreateTruncating(((TWhole*)source)[i]);
        }
    }

    static void Narrow(ReadOnlySpan<float> source, void* destination, ElementType type)
    {
        switch (type)
        {
            case ElementType.Float16:
                TensorPrimitives.ConvertToHalf(source, new Span<Half>(destination, source.Length));
                break;
            case ElementType.BFloat16:
                BFloat16.FromSingle(source, new Span<BFloat16>(destination, source.Length));
                break;
            case ElementType.Float64:
                TensorPrimitives.ConvertTruncating(source, new Span<double>(destination, source.Length));
                break;
            case >= ElementType.Float8E4M3FN and <= ElementType.Float8E8M0FNU:
                for (int i = 0; i < source.Length; i++)
                    ((byte*)destination)[i] = Float8.Code(source[i], type);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Nothing is computed in this type.");
        }
    }

    static void Narrow(ReadOnlySpan<double> source, void* destination, ElementType type)
    {
        switch (type)
        {
            case ElementType.Float32:
                TensorPrimitives.ConvertTruncating(source, new Span<float>(destination, source.Length));
                break;
            case ElementType.Float16:
                for (int i = 0; i < source.Length; i++)
                    ((Half*)destination)[i] = (Half)source[i];
                break;
            case ElementType.BFloat16:
                for (int i = 0; i < source.Length; i++)
                    ((BFloat16*)destination)[i] = (BFloat16)(float)source[i];
                break;
            case ElementType.Int16: // of a state that PyTorch has turned into floating-point numbers
                for (int i = 0; i < source.Length; i++)
                    ((short*)destination)[i] = short.CreateSaturating(Math.Round(source[i]));
                break;
            case >= ElementType.Float8E4M3FN and <= ElementType.Float8E8M0FNU:
                for (int i = 0; i < source.Length; i++)
                    ((byte*)destination)[i] = Float8.Code((float)source[i], type);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Nothing is computed in this type.");
        }
    }
}
