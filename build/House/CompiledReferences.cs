using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Emit;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace AdaptThenUnlearn.House;

/// <summary>One type of ours that another one names, in a signature, a base list, an attribute or a method's body.</summary>
/// <param name="From">
/// Full name of the outermost type that uses it; its compiler-generated parts count as the type itself.
/// </param>
/// <param name="To">Full name of the outermost type that is used.</param>
public readonly record struct TypeUse(string From, string To);

/// <summary>Reads from a compiled assembly which of our types each type uses.</summary>
/// <remarks>
/// Compiled code says what is meant, however it was written: aliases, half-qualified names and enclosing namespaces make no
/// difference. Constants are the exception: the compiler copies their values. The format is ECMA-335, partition II.
/// </remarks>
public sealed class CompiledReferences : ISignatureTypeProvider<IEnumerable<string>, object?>
{
    private const string OurPrefix = "AdaptThenUnlearn";
    private static readonly Dictionary<int, OpCode> _opCodes = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => (int)(ushort)code.Value);

    private readonly MetadataReader _metadata;
    private readonly PEReader _assembly;

    private CompiledReferences(PEReader assembly)
    {
        _assembly = assembly;
        _metadata = assembly.GetMetadataReader();
    }

    /// <summary>Every use of one of our types by another type of the assembly.</summary>
    /// <param name="path">A managed assembly.</param>
    /// <exception cref="BadImageFormatException">The file is not a managed assembly.</exception>
    public static IReadOnlySet<TypeUse> Read(string path)
    {
        using var assembly = new PEReader(File.OpenRead(path));
        return new CompiledReferences(assembly).Read();
    }

    private HashSet<TypeUse> Read()
    {
        var uses = new HashSet<TypeUse>();
        foreach (var handle in _metadata.TypeDefinitions)
        {
            var from = NameOf(handle);
            foreach (var to in UsedBy(_metadata.GetTypeDefinition(handle)).Where(to => to != from && IsOurs(from) && IsOurs(to)))
                uses.Add(new TypeUse(from, to));
        }
        return uses;
    }

    // The compiler's own helpers and source generators' classes have names with angle brackets.
    private static bool IsOurs(string name) =>
        name.StartsWith(OurPrefix, StringComparison.Ordinal) && !name.Contains('<', StringComparison.Ordinal);

    private IEnumerable<string> UsedBy(TypeDefinition type) =>
    [
        .. Named(type.BaseType),
        .. type.GetInterfaceImplementations().SelectMany(each => Named(_metadata.GetInterfaceImplementation(each).Interface)),
        .. Constraints(type.GetGenericParameters()),
        .. Attributes(type.GetCustomAttributes()),
        .. type.GetFields().Select(_metadata.GetFieldDefinition).SelectMany(field =>
            field.DecodeSignature(this, null).Concat(Attributes(field.GetCustomAttributes()))),
        .. type.GetProperties()
            .Select(_metadata.GetPropertyDefinition)
            .SelectMany(property => Attributes(property.GetCustomAttributes())),
        .. type.GetEvents().Select(_metadata.GetEventDefinition).SelectMany(raised => Named(raised.Type)),
        .. type.GetMethods().Select(_metadata.GetMethodDefinition).SelectMany(UsedBy),
    ];

    private IEnumerable<string> UsedBy(MethodDefinition method) =>
    [
        .. Flat(method.DecodeSignature(this, null)),
        .. Constraints(method.GetGenericParameters()),
        .. Attributes(method.GetCustomAttributes()),
        .. method.GetParameters().SelectMany(each => Attributes(_metadata.GetParameter(each).GetCustomAttributes())),
        .. method.RelativeVirtualAddress == 0 ? [] : UsedBy(_assembly.GetMethodBody(method.RelativeVirtualAddress)),
    ];

    private IEnumerable<string> UsedBy(MethodBodyBlock body) =>
    [
        .. body.LocalSignature.IsNil
            ? []
            : _metadata.GetStandaloneSignature(body.LocalSignature).DecodeLocalSignature(this, null).SelectMany(each => each),
        .. body.ExceptionRegions.SelectMany(region => Named(region.CatchType)),
        .. Tokens(body).SelectMany(Named),
    ];

    // The metadata tokens among a body's instructions.
    private static List<EntityHandle> Tokens(MethodBodyBlock body)
    {
        var code = body.GetILBytes() ?? [];
        var tokens = new List<EntityHandle>();
        for (var at = 0; at < code.Length;)
        {
            int value = code[at++];
            if (value == 0xFE)
                value = 0xFE00 | code[at++];
            var operand = _opCodes[value].OperandType;
            if (operand is OperandType.InlineMethod or OperandType.InlineField or OperandType.InlineType or OperandType.InlineTok)
                tokens.Add(MetadataTokens.EntityHandle(BitConverter.ToInt32(code, at)));
            at += operand switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + 4 * BitConverter.ToInt32(code, at),
                _ => 4,
            };
        }
        return tokens;
    }

    // The types behind a token: the one it names, the owner of the member that it names, and those of the member's signature.
    private IEnumerable<string> Named(EntityHandle handle)
    {
        if (handle.IsNil)
            return [];

        switch (handle.Kind)
        {
            case HandleKind.TypeDefinition:
                return [NameOf((TypeDefinitionHandle)handle)];
            case HandleKind.TypeReference:
                return [NameOf((TypeReferenceHandle)handle)];
            case HandleKind.TypeSpecification:
                return _metadata.GetTypeSpecification((TypeSpecificationHandle)handle).DecodeSignature(this, null);
            case HandleKind.MethodSpecification:
                var made = _metadata.GetMethodSpecification((MethodSpecificationHandle)handle);
                return Named(made.Method).Concat(made.DecodeSignature(this, null).SelectMany(each => each));
            case HandleKind.MethodDefinition:
                var method = _metadata.GetMethodDefinition((MethodDefinitionHandle)handle);
                return Flat(method.DecodeSignature(this, null)).Append(NameOf(method.GetDeclaringType()));
            case HandleKind.FieldDefinition:
                var field = _metadata.GetFieldDefinition((FieldDefinitionHandle)handle);
                return field.DecodeSignature(this, null).Append(NameOf(field.GetDeclaringType()));
            case HandleKind.MemberReference:
                var member = _metadata.GetMemberReference((MemberReferenceHandle)handle);
                var signature = member.GetKind() == MemberReferenceKind.Method
                    ? Flat(member.DecodeMethodSignature(this, null))
                    : member.DecodeFieldSignature(this, null);
                return signature.Concat(Named(member.Parent));
            default:
                return [];
        }
    }

    private IEnumerable<string> Attributes(CustomAttributeHandleCollection attributes) =>
        attributes.SelectMany(each => Named(_metadata.GetCustomAttribute(each).Constructor));

    private IEnumerable<string> Constraints(GenericParameterHandleCollection parameters) =>
        parameters.SelectMany(each => _metadata.GetGenericParameter(each).GetConstraints())
            .SelectMany(each => Named(_metadata.GetGenericParameterConstraint(each).Type));

    private static IEnumerable<string> Flat(MethodSignature<IEnumerable<string>> signature) =>
        signature.ParameterTypes.SelectMany(each => each).Concat(signature.ReturnType);

    // Nested types, closures and state machines count as the outermost type they are written in.
    private string NameOf(TypeDefinitionHandle handle)
    {
        var type = _metadata.GetTypeDefinition(handle);
        return type.GetDeclaringType() is { IsNil: false } outer ? NameOf(outer) : Full(type.Namespace, type.Name);
    }

    private string NameOf(TypeReferenceHandle handle)
    {
        var type = _metadata.GetTypeReference(handle);
        return type.ResolutionScope is { Kind: HandleKind.TypeReference } outer
            ? NameOf((TypeReferenceHandle)outer)
            : Full(type.Namespace, type.Name);
    }

    private string Full(StringHandle space, StringHandle name) => $"{_metadata.GetString(space)}.{_metadata.GetString(name)}";

    /// <inheritdoc/>
    public IEnumerable<string> GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) =>
        [NameOf(handle)];

    /// <inheritdoc/>
    public IEnumerable<string> GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) =>
        [NameOf(handle)];

    /// <inheritdoc/>
    public IEnumerable<string> GetTypeFromSpecification(
        MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind) => Named(handle);

    /// <inheritdoc/>
    public IEnumerable<string> GetGenericInstantiation(
        IEnumerable<string> genericType, ImmutableArray<IEnumerable<string>> typeArguments) =>
        typeArguments.SelectMany(each => each).Concat(genericType);

    /// <inheritdoc/>
    public IEnumerable<string> GetFunctionPointerType(MethodSignature<IEnumerable<string>> signature) => Flat(signature);

    /// <inheritdoc/>
    public IEnumerable<string> GetModifiedType(
        IEnumerable<string> modifier, IEnumerable<string> unmodifiedType, bool isRequired) =>
        unmodifiedType.Concat(modifier);

    /// <inheritdoc/>
    public IEnumerable<string> GetArrayType(IEnumerable<string> elementType, ArrayShape shape) => elementType;

    /// <inheritdoc/>
    public IEnumerable<string> GetByReferenceType(IEnumerable<string> elementType) => elementType;

    /// <inheritdoc/>
    public IEnumerable<string> GetPinnedType(IEnumerable<string> elementType) => elementType;

    /// <inheritdoc/>
    public IEnumerable<string> GetPointerType(IEnumerable<string> elementType) => elementType;

    /// <inheritdoc/>
    public IEnumerable<string> GetSZArrayType(IEnumerable<string> elementType) => elementType;

    /// <inheritdoc/>
    public IEnumerable<string> GetGenericMethodParameter(object? genericContext, int index) => [];

    /// <inheritdoc/>
    public IEnumerable<string> GetGenericTypeParameter(object? genericContext, int index) => [];

    /// <inheritdoc/>
    public IEnumerable<string> GetPrimitiveType(PrimitiveTypeCode typeCode) => [];
}
