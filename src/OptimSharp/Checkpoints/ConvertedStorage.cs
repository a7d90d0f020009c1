using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>The numbers of another storage in another type, converted where they are used.</summary>
internal sealed unsafe class ConvertedStorage : DeferredStorage
{
    const int Block = 4096; // numbers

    readonly TensorStorage source;
    readonly ElementType from, to;

    public ConvertedStorage(TensorStorage source, ElementType from, ElementType to) : base(checked(source.Bytes / from.Size() * to.Size())) =>
        (this.source, this.from, this.to) = (source, from, to);

    protected override void Fetch(byte* target, long first, int count)
    {
        int size = to.Size(), wide = from.Size(), elements = count / size;
        byte* read = (byte*)NativeMemory.Alloc(Block * sizeof(double));
        double* numbers = (double*)NativeMemory.Alloc(Block * sizeof(double));
        try
        {
            for (int done = 0; done < elements; done += Block)
            {
                int part = Math.Min(Block, elements - done);
                source.CopyTo(read, (first / size + done) * wide, part * wide);
                Engine.Storage.Load(read, from, numbers, part);
                Engine.Storage.Save(numbers, target + (long)done * size, to, part);
            }
        }
        finally
        {
            NativeMemory.Free(read);
            NativeMemory.Free(numbers);
        }
    }
}
