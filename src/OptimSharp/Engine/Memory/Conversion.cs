using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Engine;

/// <summary>Copies real numbers from one element type to another.</summary>
internal static unsafe class Conversion
{
    const int Block = 1024;

    /// <summary>Copies numbers, rounded to the target's type. The same type: the same bits.</summary>
    public static void Run(void* source, ElementType sourceType, void* target, ElementType targetType, nint count)
    {
        if (sourceType == targetType)
            Buffer.MemoryCopy(source, target, count * (long)targetType.Size(), count * (long)sourceType.Size());
        else if (sourceType.Compute() == ElementType.Float64 || targetType.Compute() == ElementType.Float64)
            Through<double>((byte*)source, sourceType, (byte*)target, targetType, count);
        else
            Through<float>((byte*)source, sourceType, (byte*)target, targetType, count);
    }

    [SkipLocalsInit]
    static void Through<T>(byte* source, ElementType sourceType, byte* target, ElementType targetType, nint count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T* numbers = stackalloc T[Block];
        for (nint i = 0; i < count; i += Block)
        {
            int n = (int)Math.Min(Block, count - i);
            Storage.Load(source + i * sourceType.Size(), sourceType, numbers, n);
            Storage.Save(numbers, target + i * targetType.Size(), targetType, n);
        }
    }
}
